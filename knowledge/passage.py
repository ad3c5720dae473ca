"""The unit of knowledge: one reviewed answer to one question, in both languages, with its sources.

A file holds the passages of one topic, each a YAML front matter between `---` lines and two bodies under `## id` and
`## en`. See docs/knowledge.md for the format and `check.py` for what is demanded of it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from knowledge.contact import ContactBook
from knowledge.errors import ContentError

#: No single content file is larger; a larger one is a mistake (a pasted document, a binary).
MAX_FILE_BYTES = 200_000
LANGUAGES = ("id", "en")
_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_BODY = re.compile(r"^## (id|en)[ \t]*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{contact\.([a-z0-9_]+)\}")


class Audience(StrEnum):
    """Whom a passage speaks to."""

    RESIDENT = "resident"
    FAMILY = "family"
    BOTH = "both"


class Confidence(StrEnum):
    """How well the facts are supported: seen in a source, well known, or differing in practice."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a passage's facts come from: an institution's document, or a law with its article."""

    name: str
    detail: str
    year: int
    is_law: bool

    def cite(self) -> str:
        """Return the citation a person reads, such as "UU 35/2009 tentang Narkotika, Pasal 54"."""
        return f"{self.name}, {self.detail}" if self.is_law else f"{self.name}: {self.detail} ({self.year})"


@dataclass(frozen=True, slots=True)
class Passage:
    """One answer.

    Attributes:
        id: Unique, `<topic>.<short name>`.
        title: Language -> the question it answers, in a few words.
        body: Language -> text with `{contact.ID}` placeholders.
        related: Topic ids worth reading next.
        urgent: Waiting can cost a life.
        local: Comes from the centre's own overlay and wins over general passages of its topic.
        path, line: Where it stands, for error messages.
    """

    id: str
    topic: str
    audience: Audience
    title: Mapping[str, str]
    body: Mapping[str, str]
    sources: tuple[Source, ...]
    confidence: Confidence
    reviewed: dt.date
    review_by: dt.date
    related: tuple[str, ...]
    urgent: bool
    local: bool
    path: Path
    line: int

    def text(self, language: str, contacts: ContactBook) -> str:
        """Return the body in one language with every number filled in from the contacts file."""
        return _PLACEHOLDER.sub(lambda match: contacts.number(match[1]), self.body[language])

    def contact_ids(self) -> set[str]:
        """Return the ids of all contacts that the bodies name."""
        return {match[1] for body in self.body.values() for match in _PLACEHOLDER.finditer(body)}


def read_passages(folder: Path, *, local: bool = False) -> list[Passage]:
    """Read all passages below a folder.

    Raises:
        ContentError: A file can't be read as passages, or an id stands twice; names file, line and the mend.
    """
    passages: dict[str, Passage] = {}
    for path in sorted(folder.rglob("*.md")):
        if path.name == "README.md":
            continue
        for passage in read_passage_file(path, local=local):
            if passage.id in passages:
                first = passages[passage.id]
                raise ContentError(
                    f"{path}:{passage.line}: id '{passage.id}' already stands in {first.path}:{first.line}: rename one"
                )
            passages[passage.id] = passage
    return list(passages.values())


def read_passage_file(path: Path, *, local: bool = False) -> list[Passage]:
    """Read one file's passages. Raises ContentError with file, line and the mend."""
    raw = path.read_bytes()
    if len(raw) > MAX_FILE_BYTES:
        raise ContentError(f"{path}:1: {len(raw)} bytes is too large for passages: split it, a file holds one topic")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise ContentError(f"{path}:{line}: not UTF-8: save the file with UTF-8 encoding") from exc
    pieces = _SEPARATOR.split(text.replace("\r\n", "\n"))
    lines = [1]
    for piece in pieces:
        lines.append(lines[-1] + piece.count("\n"))
    if pieces[0].strip() or len(pieces) < 3 or len(pieces) % 2 == 0:
        raise ContentError(f"{path}:1: expected front matter between two lines of '---', then the bodies")
    return [
        _parse(path, lines[i], pieces[i], lines[i + 1], pieces[i + 1], local) for i in range(1, len(pieces), 2)
    ]


def _parse(path: Path, line: int, front_matter: str, body_line: int, bodies: str, local: bool) -> Passage:
    try:
        fields = yaml.safe_load(front_matter)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        at = line + (mark.line if mark else 0)
        raise ContentError(f"{path}:{at}: the front matter is no valid YAML: {getattr(exc, 'problem', exc)}") from exc
    if not isinstance(fields, dict):
        raise ContentError(f"{path}:{line}: the front matter has no fields")
    try:
        return Passage(
            id=str(fields["id"]),
            topic=str(fields["topic"]),
            audience=Audience(fields["audience"]),
            title={language: str(fields["title"][language]) for language in LANGUAGES},
            body=_split_bodies(path, body_line, bodies),
            sources=tuple(_parse_source(source) for source in fields["sources"]),
            confidence=Confidence(fields["confidence"]),
            reviewed=_date(fields["reviewed"]),
            review_by=_date(fields["review_by"]),
            related=tuple(str(topic) for topic in fields["related"]),
            urgent=bool(fields["urgent"]),
            local=local,
            path=path,
            line=line + 1,
        )
    except KeyError as exc:
        raise ContentError(f"{path}:{line + 1}: the field {exc} is missing: add it to the front matter") from exc
    except (ValueError, TypeError) as exc:
        raise ContentError(f"{path}:{line + 1}: {exc}") from exc


def _split_bodies(path: Path, line: int, bodies: str) -> dict[str, str]:
    pieces = _BODY.split(bodies)
    if pieces[0].strip():
        raise ContentError(f"{path}:{line + 1}: text before '## id': put it under '## id' or '## en'")
    found = {pieces[i]: pieces[i + 1].strip() for i in range(1, len(pieces), 2)}
    for language in LANGUAGES:
        if not found.get(language):
            raise ContentError(f"{path}:{line}: no body under '## {language}': write the twin in that language")
    return found


def _parse_source(fields: Any) -> Source:
    if not isinstance(fields, dict):
        raise TypeError("a source has fields: law, article, year; or institution, title, year")
    if "law" in fields:
        if not fields.get("article"):
            raise ValueError(f"the law '{fields['law']}' is cited without an article: add `article: Pasal ...`")
        return Source(str(fields["law"]), str(fields["article"]), int(fields["year"]), is_law=True)
    return Source(str(fields["institution"]), str(fields["title"]), int(fields["year"]), is_law=False)


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date):
        return value
    raise ValueError(f"'{value}' is no date: write it as 2026-11-21")
