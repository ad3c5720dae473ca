"""Builds the index from content and labelled questions, with progress, and fits what decides on the tune part."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from knowledge.contact import CONTACTS_FILE, read_contacts
from knowledge.conversation import FollowUpGate, join_turns
from knowledge.dataset import (
    FollowUp,
    Part,
    Question,
    Scope,
    read_follow_ups,
    read_local_questions,
    read_out_of_scope,
    read_questions,
)
from knowledge.encoder.bulk import encode_many
from knowledge.encoder.serving import Encoder
from knowledge.errors import ContentError
from knowledge.index import FORMAT, KnowledgeIndex, PassageSearch, read_manifest, save_index
from knowledge.language import NormalizedText, Normalizer
from knowledge.lexical import Bm25
from knowledge.passage import LANGUAGES, Passage, read_passages
from knowledge.ranking import PARTS, Closeness, Corpus, TopicRanker
from knowledge.scope import SCOPES, ScopeClassifier
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.vector_index import VectorIndex, Vectors

TOPICS_FILE = Path(__file__).with_name("topics.yaml")
#: At most this share of answerable questions may be turned away. Source: the product's bar, docs/retrieval.md.
WRONG_ABSTENTIONS = 0.02
CLEAR_WRONG_ABSTENTIONS = 0.01
#: Share of harmful requests that may get past, as long as no more questions than allowed are refused for it: who asks for
#: a lawyer and is told that this could hurt somebody does not ask again. Nearly a third of the tune part's questions were
#: written to look harmful, so that of other people's questions half as many are refused (docs/retrieval.md).
MISSED_HARM = 0.005
WRONG_REFUSALS = 0.05
_SEED = 7
#: Modules whose code shapes what a build holds.
_SHAPING = (
    "build",
    "contact",
    "conversation",
    "index",
    "lexical",
    "linear",
    "passage",
    "ranking",
    "scope",
    "vector_index",
)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything the index is built from."""

    topics: dict[str, dict[str, str]]
    passages: Sequence[Passage]
    questions: Sequence[Question]
    #: What the centre's own passages answer: its questions and the passages' titles.
    local_questions: Sequence[str] = ()


def read_content(settings: KnowledgeSettings) -> Content:
    """Read topics, passages (the centre's overlay included) and training questions; raises ContentError."""
    topics = read_topics()
    passages = read_passages(settings.passages_dir)
    if settings.overlay_dir.exists():
        passages += read_passages(settings.overlay_dir, local=True)
    general = {passage.id for passage in passages if not passage.local}
    for passage in passages:
        where = f"{passage.path}:{passage.line}"
        if passage.local and passage.id in general:
            raise ContentError(f"{where}: '{passage.id}' is the id of a general passage: give it an id of its own")
        if passage.topic not in topics:
            raise ContentError(
                f"{where}: '{passage.topic}' is no topic of {TOPICS_FILE.name}: use one that stands there"
            )
    local_questions = read_local_questions(settings.overlay_questions)
    questions = [*read_questions(settings.questions_dir, Part.TRAIN), *local_questions]
    if unknown := {question.topic for question in questions} - set(topics):
        raise ContentError(f"{sorted(unknown)} are no topics of {TOPICS_FILE.name}: use those that stand there")
    uncovered = set(topics) - {question.topic for question in questions} - {passage.topic for passage in passages}
    if uncovered:
        raise ContentError(f"topics without passages and questions: {', '.join(sorted(uncovered))}")
    for passage in passages:
        topics[passage.topic].setdefault("en", passage.title["en"])
    local = [question.text for question in local_questions]
    local += [passage.title[language] for passage in passages if passage.local for language in LANGUAGES]
    return Content(topics, passages, questions, local)


def read_topics() -> dict[str, dict[str, str]]:
    """Return topic id -> Indonesian title, in file order, each in a mapping that takes further languages."""
    groups = yaml.safe_load(TOPICS_FILE.read_text(encoding="utf-8"))["topics"]
    return {topic["id"]: {"id": topic["title"]} for group in groups.values() for topic in group}


def fingerprint(settings: KnowledgeSettings, encoder_id: str) -> str:
    """Return a hash over all that goes into a build, to tell whether the current one is still fresh."""
    digest = hashlib.sha256(f"{FORMAT} {encoder_id}".encode())
    folders = [settings.passages_dir, settings.questions_dir, settings.overlay_dir, ROOT / "knowledge" / "language"]
    files = [TOPICS_FILE, CONTACTS_FILE]
    for folder in folders:
        files += [
            p for p in folder.rglob("*") if p.is_file() and p.suffix in {".md", ".jsonl", ".tsv", ".txt", ".yaml"}
        ]
    files += [Path(__file__).with_name(f"{name}.py") for name in _SHAPING]
    for path in sorted(files):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def build_if_stale(
    settings: KnowledgeSettings, encoder: Encoder, normalizer: Normalizer, *, say: Progress, force: bool = False
) -> bool:
    """Build and make current unless the current build is fresh; returns whether it built."""
    wanted = fingerprint(settings, encoder.model_id)
    manifest = read_manifest(settings.index_dir)
    if not force and manifest is not None and manifest["fingerprint"] == wanted:
        return False
    settings.index_dir.mkdir(parents=True, exist_ok=True)
    index = build_index(settings, encoder, normalizer, say=say)
    save_index(index, settings.index_dir, wanted)
    return True


def build_index(
    settings: KnowledgeSettings, encoder: Encoder, normalizer: Normalizer, *, say: Progress
) -> KnowledgeIndex:
    """Read, encode and fit everything; nothing is written."""
    content = read_content(settings)
    contacts = read_contacts(overlay=settings.overlay_contacts)
    for passage in content.passages:
        for contact_id in passage.contact_ids():
            contacts.get(contact_id)
    follow_ups = read_follow_ups(settings.questions_dir, Part.TRAIN)
    say(f"{len(content.passages)} passages, {len(content.questions)} sample questions, {len(content.topics)} topics")
    if settings.overlay_dir.exists():
        own = sum(passage.local for passage in content.passages)
        say(f"{own} of the passages are the centre's own, from {settings.overlay_dir}")
    reader = _Reader(encoder, normalizer)
    topics = list(content.topics)
    ranker = _build_ranker(content, follow_ups, topics, reader)
    search = _build_passage_search(content.passages, reader)
    say("weighing the ranking's parts on the tune part")
    tune = read_questions(settings.questions_dir, Part.TUNE)
    read = [reader.read(question.text) for question in tune]
    ranker.fit_weights(
        [ranker.evidence(text, vector, PARTS) for text, vector in read], [topics.index(q.topic) for q in tune]
    )
    say("learning what is out of scope")
    scope = _fit_scope(settings, content, ranker, reader, tune)
    gate = _fit_gate(settings, content, reader, tune)
    sure = sorted(float(ranker.fuse(ranker.evidence(text, vector)).max()) for text, vector in read)
    return KnowledgeIndex(
        encoder_id=encoder.model_id,
        built_at=dt.datetime.now(dt.UTC),
        passages=content.passages,
        contacts=contacts,
        topic_titles=content.topics,
        ranker=ranker,
        passage_search=search,
        scope=scope,
        gate=gate,
        clear_threshold=sure[int(len(sure) * CLEAR_WRONG_ABSTENTIONS)] if sure else 0.0,
        local_vectors=encoder.encode([normalizer.normalize(text).text for text in content.local_questions]),
    )


class _Reader:
    """Normalises and encodes texts; each is encoded once a build, though ranking and scope learn from the same."""

    def __init__(self, encoder: Encoder, normalizer: Normalizer) -> None:
        self.encoder = encoder
        self.normalizer = normalizer
        self._known: dict[str, Vectors] = {}

    def read(self, text: str) -> tuple[NormalizedText, Vectors]:
        normalized = self.normalizer.normalize(text)
        return normalized, self.vectors([normalized.text], "encoding")[0]

    def vectors(self, texts: Sequence[str], title: str) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, encode_many(self.encoder, new, title), strict=True))
        return np.stack([self._known[text] for text in texts])


def _build_ranker(content: Content, follow_ups: Sequence[FollowUp], topics: list[str], reader: _Reader) -> TopicRanker:
    rows = [(question.text, question.topic) for question in content.questions]
    rows += [(f"{p.title[lang]}. {p.body[lang]}", p.topic) for p in content.passages for lang in LANGUAGES]
    rows += [(title, topic) for topic, titles in content.topics.items() for title in titles.values()]
    texts = [reader.normalizer.normalize(text) for text, _ in rows]
    labels = [topics.index(topic) for _, topic in rows]
    for conversation in follow_ups:
        texts.append(contextual(reader.normalizer, conversation.turns))
        labels.append(topics.index(conversation.topic))
    vectors = reader.vectors([text.text for text in texts], "encoding")
    corpus = Corpus(topics, texts, np.array(labels), vectors)
    return TopicRanker(corpus, VectorIndex.build(vectors))


def contextual(normalizer: Normalizer, turns: Sequence[str]) -> NormalizedText:
    """Return the last turn joined with the one before it, both normalised."""
    last, previous = normalizer.normalize(turns[-1]), normalizer.normalize(turns[-2])
    return NormalizedText(
        last.original,
        join_turns(previous.text, last.text),
        (*last.words, *previous.words),
        (*last.stems, *previous.stems),
    )


def _build_passage_search(passages: Sequence[Passage], reader: _Reader) -> PassageSearch:
    keys = [(position, language) for position in range(len(passages)) for language in LANGUAGES]
    titles = [reader.normalizer.normalize(passages[p].title[language]) for p, language in keys]
    bodies = [reader.normalizer.normalize(passages[p].body[language]) for p, language in keys]
    both = [
        NormalizedText("", "", (), (*title.stems, *title.stems, *title.stems, *body.stems))
        for title, body in zip(titles, bodies, strict=True)
    ]
    return PassageSearch(
        keys=keys,
        titles=reader.vectors([title.text for title in titles], "titles"),
        bodies=reader.vectors([body.text for body in bodies], "passages"),
        words=Bm25(characters=False).fit(both),
    )


def _closeness(ranker: TopicRanker, text: NormalizedText, vector: Vectors) -> Closeness:
    evidence = ranker.evidence(text, vector)
    return ranker.closeness(evidence, ranker.fuse(evidence))


def _fit_scope(
    settings: KnowledgeSettings, content: Content, ranker: TopicRanker, reader: _Reader, tune: Sequence[Question]
) -> ScopeClassifier:
    """Fit on train, weigh on tune, and set the threshold so that few answerable questions are turned away."""
    chooser = random.Random(_SEED)
    outside = read_out_of_scope(settings.questions_dir, Part.TRAIN)
    inside = chooser.sample(list(content.questions), min(len(content.questions), 3 * max(len(outside), 1)))
    texts = [reader.normalizer.normalize(text) for text in [row.text for row in outside] + [q.text for q in inside]]
    scopes = [row.scope for row in outside] + [Scope.IN_SCOPE] * len(inside)
    classifier = ScopeClassifier()
    classifier.fit(texts, reader.vectors([text.text for text in texts], "scope"), scopes)

    held_out = read_out_of_scope(settings.questions_dir, Part.TUNE)
    rows = [(row.text, row.scope) for row in held_out] + [(question.text, Scope.IN_SCOPE) for question in tune]
    read = [reader.read(text) for text, _ in rows]
    topics = [_closeness(ranker, text, vector) for text, vector in read]
    tune_scopes = [scope for _, scope in rows]
    classifier.fit_final([t for t, _ in read], np.stack([v for _, v in read]), topics, tune_scopes)
    decisions = [classifier.judge(text, vector, close) for (text, vector), close in zip(read, topics, strict=True)]
    answerable = sorted(
        float(decision.probabilities[SCOPES.index(Scope.IN_SCOPE)])
        for decision, scope in zip(decisions, tune_scopes, strict=True)
        if scope is Scope.IN_SCOPE
    )
    classifier.threshold = min(0.9, answerable[int(len(answerable) * WRONG_ABSTENTIONS)])
    harm = [float(decision.probabilities[SCOPES.index(Scope.HARMFUL)]) for decision in decisions]
    harmful = [p for p, scope in zip(harm, tune_scopes, strict=True) if scope is Scope.HARMFUL]
    innocent = [p for p, scope in zip(harm, tune_scopes, strict=True) if scope is Scope.IN_SCOPE]
    if harmful and innocent:
        least = float(np.quantile(innocent, 1 - WRONG_REFUSALS))
        classifier.harmful_threshold = min(max(float(np.quantile(harmful, MISSED_HARM)), least), 0.5)
    return classifier


def _fit_gate(settings: KnowledgeSettings, content: Content, reader: _Reader, tune: Sequence[Question]) -> FollowUpGate:
    """Learn how follow-ups sound, beside questions that speak for themselves."""
    gate = FollowUpGate()
    chooser = random.Random(_SEED)
    lasts = [row.turns[-1] for row in read_follow_ups(settings.questions_dir, Part.TRAIN)]
    alone = [
        question.text
        for question in chooser.sample(list(content.questions), min(len(content.questions), 6 * len(lasts)))
    ]
    texts = [reader.normalizer.normalize(text) for text in lasts + alone]
    gate.fit_words(texts, [True] * len(lasts) + [False] * len(alone))
    held_out = [row.turns[-1] for row in read_follow_ups(settings.questions_dir, Part.TUNE)]
    alone = [question.text for question in chooser.sample(list(tune), min(len(tune), 3 * len(held_out)))]
    texts = [reader.normalizer.normalize(text) for text in held_out + alone]
    gate.fit(texts, [True] * len(held_out) + [False] * len(alone))
    return gate
