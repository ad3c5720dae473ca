"""The labelled texts this room learns from and is judged on, read from JSON lines.

Three parts, written apart from each other: `train` is indexed and trained on, `tune` sets weights and thresholds,
`evaluate` is only ever measured on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from knowledge.errors import ContentError


class Part(StrEnum):
    """What a file's rows may be used for."""

    TRAIN = "train"
    TUNE = "tune"
    EVALUATE = "evaluate"


class Scope(StrEnum):
    """Why an utterance gets no passage; IN_SCOPE where it should."""

    IN_SCOPE = "in_scope"
    OFF_TOPIC = "off_topic"
    SMALL_TALK = "small_talk"
    UNANSWERABLE = "unanswerable"
    HARMFUL = "harmful"
    LANGUAGE = "language"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Risk:
    """How much danger somebody who read a question saw in it; a question without was judged harmless at a glance.

    Level (0 to 3) and categories: docs/risk.md.
    """

    level: int
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question as somebody would type it, and the topic that answers it."""

    text: str
    topic: str
    language: str
    speaker: str
    style: str
    #: Who wrote it, where a part has several writers: figures by writer show how far they carry.
    writer: str = "first"
    risk: Risk | None = None


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """An utterance that no passage answers."""

    text: str
    scope: Scope
    language: str
    writer: str = "first"
    risk: Risk | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A conversation whose last turn is understood only with the turns before it."""

    turns: tuple[str, ...]
    topic: str


@dataclass(frozen=True, slots=True)
class RiskMessage:
    """An utterance with its risk level (0 to 3) and categories (docs/risk.md)."""

    text: str
    level: int
    categories: tuple[str, ...]
    language: str
    speaker: str
    style: str
    writer: str = "first"


def read_questions(folder: Path, part: Part) -> list[Question]:
    """Read a part's questions. Raises ContentError naming file, line and the mend."""
    return [
        Question(
            row["text"],
            row["topic"],
            row["lang"],
            row["speaker"],
            row["style"],
            row.get("writer", "first"),
            _risk_of(row),
        )
        for row in _rows(folder / part, {"text", "topic", "lang", "speaker", "style"})
    ]


def read_local_questions(path: Path) -> list[Question]:
    """Read the questions that a centre's own passages answer; none where there is no file."""
    return [
        Question(row["text"], row["topic"], row["lang"], str(row.get("speaker", "unknown")), "local")
        for row in read_rows(path, {"text", "topic", "lang"})
    ]


def read_out_of_scope(folder: Path, part: Part) -> list[OutOfScope]:
    """Read a part's utterances that no passage answers."""
    path = folder / part / "scope.jsonl"
    return [
        OutOfScope(row["text"], Scope(row["scope"]), row["lang"], row.get("writer", "first"), _risk_of(row))
        for row in read_rows(path, {"text", "scope", "lang"})
    ]


def read_follow_ups(folder: Path, part: Part) -> list[FollowUp]:
    """Read a part's follow-up conversations."""
    path = folder / part / "followup.jsonl"
    return [FollowUp(tuple(row["turns"]), row["topic"]) for row in read_rows(path, {"turns", "topic"})]


def read_risk_messages(folder: Path, part: Part) -> list[RiskMessage]:
    """Read a part's messages with risk labels."""
    needed = {"text", "level", "categories", "lang", "speaker", "style"}
    return [
        RiskMessage(
            row["text"],
            row["level"],
            tuple(row["categories"]),
            row["lang"],
            row["speaker"],
            row["style"],
            row.get("writer", "first"),
        )
        for row in _rows(folder / part, needed)
    ]


def _risk_of(row: dict[str, Any]) -> Risk | None:
    return Risk(row["risk"], tuple(row.get("categories", ()))) if "risk" in row else None


def _rows(folder: Path, needed: set[str]) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem not in ("scope", "followup"):
            yield from read_rows(path, needed)


def read_rows(path: Path, needed: set[str]) -> Iterator[dict[str, Any]]:
    """Yield a file's objects; none where there is no file. Raises ContentError naming file, line and the mend."""
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        line = path.read_bytes()[: exc.start].count(b"\n") + 1
        raise ContentError(f"{path}:{line}: not UTF-8: save the file with UTF-8 encoding") from exc
    # Not splitlines(): a text may hold a Unicode line separator.
    for number, line_text in enumerate(text.split("\n"), start=1):
        if not line_text.strip():
            continue
        try:
            row = json.loads(line_text)
        except json.JSONDecodeError as exc:
            raise ContentError(f"{path}:{number}: no valid JSON ({exc.msg}): one object a line") from exc
        if not isinstance(row, dict):
            raise ContentError(f"{path}:{number}: expected an object with {sorted(needed)}, got a {type(row).__name__}")
        missing = needed - row.keys()
        if missing:
            raise ContentError(f"{path}:{number}: the fields {sorted(missing)} are missing: add them")
        _check_types(path, number, row)
        yield row


def _check_types(path: Path, number: int, row: dict[str, Any]) -> None:
    scopes = [scope.value for scope in Scope]
    rules: dict[str, tuple[bool, str]] = {
        "text": (isinstance(row.get("text"), str), "a text"),
        "turns": (_is_texts(row.get("turns"), at_least=2), "a list of two texts or more"),
        "scope": (row.get("scope") in scopes, f"one of {', '.join(scopes)}"),
        "level": (row.get("level") in (0, 1, 2, 3), "0, 1, 2 or 3"),
        "risk": (row.get("risk") in (0, 1, 2, 3), "0, 1, 2 or 3"),
        "categories": (_is_texts(row.get("categories"), at_least=0), "a list of texts"),
    }
    for field, (right, expected) in rules.items():
        if field in row and not right:
            raise ContentError(f"{path}:{number}: '{field}' is to be {expected}, got {row[field]!r}")


def _is_texts(value: object, *, at_least: int) -> bool:
    return isinstance(value, list) and len(value) >= at_least and all(isinstance(item, str) for item in value)
