"""Checks all content before anybody reads it. Each finding names file, line and the mend."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from knowledge.build import read_topics
from knowledge.contact import CONTACTS_FILE, ContactBook, read_contacts
from knowledge.dataset import Part, read_follow_ups, read_local_questions, read_out_of_scope, read_questions
from knowledge.errors import ContentError
from knowledge.language.normalize import SLANG_FILE, read_slang
from knowledge.passage import LANGUAGES, Passage, read_passage_file
from knowledge.settings import KnowledgeSettings

BANNED_FILE = Path(__file__).with_name("banned.yaml")
MIN_WORDS, MAX_WORDS = 40, 140
#: A centre's own passage may be as short as "Visits: Sunday 9 to 12".
MIN_LOCAL_WORDS = 10
#: Longest sentence, in words, that a tired reader follows; and the limit of `hardness` below. Source: docs/knowledge.md.
MAX_SENTENCE = 28
MAX_HARDNESS = 18.0
#: Share of common word triples from which two passages say the same.
_NEAR_DUPLICATE = 0.5
_LAW = re.compile(r"\b(UU|PP|Perpres|Permenkes|Permensos|Perpol|KUHP|KUHAP|SEMA|Perka|Law)\b (?=(No\.? ?)?\d|baru|nasional|Number)")
_ARTICLE = re.compile(r"\b(Pasal|Article|Articles|angka|huruf|butir|Lampiran|annex|points?|section)\b", re.IGNORECASE)
#: What looks like a phone number: three-digit services named as such, and longer ones.
_NUMBER = re.compile(r"(?<![\w/.,-])(?:\+62|0)8[\d\- ]{7,14}\d|(?i:telepon|hubungi|call|nomor|hotline|WA|WhatsApp)\s+(?:ke |di |at )?(\d{3,})")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to mend."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def check_content(settings: KnowledgeSettings, *, today: dt.date) -> list[Finding]:
    """Return everything that is wrong with passages, contacts, questions and lexicon; empty when all is in order."""
    findings: list[Finding] = []
    contacts = read_contacts(overlay=settings.overlay_contacts)
    topics = read_topics()
    passages: list[Passage] = []
    for folder, local in ((settings.passages_dir, False), (settings.overlay_dir, True)):
        for path in sorted(folder.rglob("*.md")) if folder.exists() else []:
            if path.name == "README.md":
                continue
            try:
                passages += read_passage_file(path, local=local)
            except ContentError as exc:
                findings.append(_from_error(exc))
    for passage in passages:
        findings += _check_passage(passage, topics, contacts, settings, today)
    findings += _check_together(passages, topics, settings)
    findings += _check_others(settings, topics, contacts, today)
    return sorted(findings)


def hardness(text: str) -> float:
    """Return how hard an Indonesian or English text reads: words a sentence, plus the share of very long words in %.

    A LIX (Björnsson, 1968) with its six letters raised to eleven: Indonesian affixes make plain words long
    ("memberitahukan"), so the usual limit would call every text hard.
    """
    words = re.findall(r"[^\W\d_]+", text)
    sentences = [s for s in _SENTENCE.split(text) if re.search(r"\w", s)]
    if not words or not sentences:
        return 0.0
    long_words = sum(len(word) > 11 for word in words)
    return len(words) / len(sentences) + 100 * long_words / len(words)


def _check_passage(
    passage: Passage, topics: Iterable[str], contacts: ContactBook, settings: KnowledgeSettings, today: dt.date
) -> Iterator[Finding]:
    def finding(message: str) -> Finding:
        return Finding(_shown(passage.path), passage.line, f"{passage.id}: {message}")

    known = set(topics)
    if passage.topic not in known:
        yield finding(f"'{passage.topic}' is no topic of topics.yaml: use one that stands there")
    if not passage.local:
        group, _, name = passage.topic.partition(".")
        expected = settings.passages_dir / group / f"{name}.md"
        if passage.path.resolve() != expected.resolve():
            yield finding(f"stands in the wrong place: move it to {_shown(expected)}")
    if not passage.sources and not passage.local:
        yield finding("has no source: name the institution or the law its facts come from")
    if passage.review_by < today:
        yield finding(f"was to be reviewed by {passage.review_by}: check the facts, then set reviewed and review_by")
    if passage.review_by <= passage.reviewed:
        yield finding("review_by is not after reviewed: set a later date")
    for related in passage.related:
        if related not in known:
            yield finding(f"related topic '{related}' does not exist: remove or correct it")
    for contact_id in sorted(passage.contact_ids()):
        if contact_id not in contacts:
            yield finding(f"names the contact '{contact_id}', which is not confirmed in {CONTACTS_FILE.name}: name another")
    for language in LANGUAGES:
        title = passage.title[language]
        if title[:1] in "'\"" and title[-1:] == title[:1] and title.count(title[:1]) < 4:
            yield finding(f"the title {title} stands in quotation marks twice: take the inner ones away")
        yield from _check_body(passage, language)


def _check_body(passage: Passage, language: str) -> Iterator[Finding]:
    def finding(message: str) -> Finding:
        return Finding(_shown(passage.path), passage.line, f"{passage.id} ({language}): {message}")

    body = passage.body[language]
    count = len(body.split())
    fewest = MIN_LOCAL_WORDS if passage.local else MIN_WORDS
    if not fewest <= count <= MAX_WORDS:
        yield finding(f"{count} words: keep a body between {fewest} and {MAX_WORDS}")
    for sentence in _SENTENCE.split(body):
        if len(sentence.split()) > MAX_SENTENCE:
            yield finding(f"a sentence of {len(sentence.split())} words ('{' '.join(sentence.split()[:6])} ...'): split it")
    if hardness(body) > MAX_HARDNESS:
        yield finding(f"reads too hard ({hardness(body):.0f}, limit {MAX_HARDNESS:.0f}): shorter sentences, plainer words")
    for expression, why in _banned(language):
        match = expression.search(f"{passage.title[language]}\n{body}")
        if match:
            yield finding(f"'{match.group()}' may not be said ({why}): write it another way")
    for match in _NUMBER.finditer(body):
        yield finding(f"writes the number '{match.group().strip()}': put it in {CONTACTS_FILE.name} and name it {{contact.ID}}")
    if re.search(r"\{(?!contact\.)", body):
        yield finding("has an unknown placeholder: only {contact.ID} is filled in")
    if _LAW.search(body):
        if not _ARTICLE.search(body):
            yield finding("names a law without its article: add the article")
        if not any(source.is_law for source in passage.sources):
            yield finding("names a law that is not among its sources: add law, article and year")


def _check_together(
    passages: Sequence[Passage], topics: Iterable[str], settings: KnowledgeSettings
) -> Iterator[Finding]:
    by_id: dict[str, Passage] = {}
    for passage in passages:
        first = by_id.setdefault(passage.id, passage)
        if first is not passage:
            where = f"{_shown(first.path)}:{first.line}"
            yield Finding(_shown(passage.path), passage.line, f"the id '{passage.id}' already stands in {where}: rename one")
    covered = {passage.topic for passage in passages}
    for topic in topics:
        if topic not in covered:
            group, _, name = topic.partition(".")
            path = _shown(settings.passages_dir / group / f"{name}.md")
            yield Finding(path, 1, f"the topic '{topic}' has no passage: write one")
    for language in LANGUAGES:
        yield from _near_duplicates(passages, language)
    for passage in passages:
        if _triples(passage.body["id"]) and _overlap(_triples(passage.body["id"]), _triples(passage.body["en"])) > 0.4:
            yield Finding(
                _shown(passage.path), passage.line, f"{passage.id}: '## en' repeats '## id': write the twin in English"
            )


def _near_duplicates(passages: Sequence[Passage], language: str) -> Iterator[Finding]:
    triples = [_triples(passage.body[language]) for passage in passages]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, found in enumerate(triples):
        for triple in found:
            holders[triple].append(position)
    pairs = {(i, j) for found in holders.values() if len(found) < 40 for i in found for j in found if i < j}
    for i, j in sorted(pairs):
        if _overlap(triples[i], triples[j]) > _NEAR_DUPLICATE and not passages[i].local and not passages[j].local:
            first, second = passages[i], passages[j]
            yield Finding(
                _shown(second.path),
                second.line,
                f"{second.id} ({language}): nearly the same as {first.id}: merge them or make each answer its own question",
            )


def _check_others(
    settings: KnowledgeSettings, topics: Iterable[str], contacts: ContactBook, today: dt.date
) -> Iterator[Finding]:
    known = set(topics)
    for contact in contacts.due(today):
        yield Finding(_shown(CONTACTS_FILE), 1, f"'{contact.id}' was to be verified by {contact.review_by}: dial it, set the dates")
    try:
        read_slang(SLANG_FILE)
        held_out: set[str] = set()
        for part in (Part.EVALUATE, Part.TUNE, Part.TRAIN):
            folder = settings.questions_dir / part
            read_out_of_scope(settings.questions_dir, part)
            read_follow_ups(settings.questions_dir, part)
            for question in read_questions(settings.questions_dir, part):
                if question.topic not in known:
                    yield Finding(_shown(folder), 1, f"'{question.text[:40]}' names no topic: '{question.topic}'")
                text = question.text.casefold().strip()
                if part is Part.TRAIN and text in held_out:
                    yield Finding(_shown(folder), 1, f"'{question.text[:40]}' also stands in a held-out part: remove it here")
                elif part is not Part.TRAIN:
                    held_out.add(text)
        for question in read_local_questions(settings.overlay_questions):
            if question.topic not in known:
                where = _shown(settings.overlay_questions)
                yield Finding(where, 1, f"'{question.text[:40]}' names no topic: '{question.topic}'")
    except ContentError as exc:
        yield _from_error(exc)


def _banned(language: str) -> list[tuple[re.Pattern[str], str]]:
    entries = yaml.safe_load(BANNED_FILE.read_text(encoding="utf-8"))[language]
    return [(re.compile(entry["pattern"], re.IGNORECASE), entry["why"]) for entry in entries]


def _triples(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return set(zip(words, words[1:], words[2:], strict=False))


def _overlap(first: set[tuple[str, ...]], second: set[tuple[str, ...]]) -> float:
    return len(first & second) / max(1, min(len(first), len(second)))


def _from_error(error: ContentError) -> Finding:
    match = re.match(r"(.*?):(\d+): (.*)", str(error), re.DOTALL)
    return Finding(_shown(Path(match[1])), int(match[2]), match[3]) if match else Finding("content", 1, str(error))


def _shown(path: Path) -> str:
    root = Path(__file__).resolve().parent.parent
    return str(path.resolve().relative_to(root)) if path.resolve().is_relative_to(root) else str(path)
