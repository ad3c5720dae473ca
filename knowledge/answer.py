"""The one question that the rest of Pendamping asks this room: what do we answer to these turns?

A passage, chosen by topic, audience and language; or an honest reason why there is none. Nothing is generated: every
sentence stands in a passage or in replies.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from knowledge.build import contextual
from knowledge.dataset import Scope
from knowledge.encoder.serving import Encoder, OnnxEncoder
from knowledge.index import KnowledgeIndex, load_index
from knowledge.language import DetectedLanguage, NormalizedText, Normalizer, detect_language, load_normalizer
from knowledge.passage import Audience, Passage
from knowledge.settings import KnowledgeSettings
from knowledge.vector_index import Vectors

REPLIES_FILE = Path(__file__).with_name("replies.yaml")
#: Longer utterances are read from both ends: people put the question first or last.
MAX_CHARACTERS = 1_200
#: Cosine to a question of the overlay from which its passages answer what only a centre can know. Source: measured with
#: the overlay example: 12 of 14 paraphrases reach it, and 4 % of other questions that only a centre can answer.
LOCAL_SIMILARITY = 0.7
#: A reading with context that can't weigh more than this changes no ranking, and is not made.
NEGLIGIBLE_SHARE = 0.05
_RANKED = 10
_OPTIONS = 3
#: A topic's first passage is its general answer, and the one to show where the question fits several alike.
_GENERAL = 0.08
#: BM25 of a passage that shares the question's telling words; a lower best score is weak evidence, and counts less.
_STRONG_MATCH = 8.0


@dataclass(frozen=True, slots=True)
class ScoredTopic:
    """A topic and how likely it is meant, 0 to 1."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show, and why.

    Attributes:
        answered: Whether a passage answers.
        reason: Why not: a `Scope` value; None when answered.
        topics: The likeliest topics, best first.
        text: Ready to show, in `language`, numbers filled in; with sources and review date when answered.
        sources: Citations of the passage.
        related: (topic id, title) of what to read next.
        options: (topic id, title) to choose from when it is unclear which topic is meant.
    """

    answered: bool
    reason: str | None
    topics: tuple[ScoredTopic, ...]
    text: str
    language: str
    passage_id: str | None = None
    topic_id: str | None = None
    title: str | None = None
    sources: tuple[str, ...] = ()
    related: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()


class Responder:
    """Answers turns from a loaded index. Thread-safe: nothing changes after loading."""

    def __init__(self, index: KnowledgeIndex, encoder: Encoder, normalizer: Normalizer) -> None:
        self._index = index
        self._encoder = encoder
        self._normalizer = normalizer
        self._words: dict[str, Any] = yaml.safe_load(REPLIES_FILE.read_text(encoding="utf-8"))
        self._family = [re.compile(pattern) for pattern in self._words["family_words"]]
        names = sorted(self._words["substances"], key=len, reverse=True)
        self._substance = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")

    @classmethod
    def load(cls, settings: KnowledgeSettings) -> Responder:
        """Load encoder and index. Raises ModelError or PassageIndexError, which say what to do."""
        encoder = load_encoder(settings)
        return cls(load_index(settings.index_dir, encoder_id=encoder.model_id), encoder, load_normalizer())

    def answer(
        self,
        turns: Sequence[str],
        *,
        speaker: str | None = None,
        language: str | None = None,
        topic: str | None = None,
    ) -> Answer:
        """Answer the last of a person's turns.

        Args:
            turns: What the person wrote, oldest first; the last is to be answered. Any length, any characters.
            speaker: "resident", "family", or None when unknown.
            language: "id" or "en" to answer in; None to follow the person's language.
            topic: Topic of the last passage shown, if any: decides between equals in a follow-up.
        """
        cut = [_cut(turn) for turn in turns] or [""]
        last = self._normalizer.normalize(cut[-1])
        language = language or ("en" if detect_language(last) is DetectedLanguage.ENGLISH else "id")
        vector = self._encoder.encode([last.text])[0]
        ranker = self._index.ranker
        evidence = ranker.evidence(last, vector)
        alone = ranker.fuse(evidence)
        scope = self._index.scope.judge(last, vector, ranker.closeness(evidence, alone)).scope
        if scope is Scope.UNANSWERABLE and self._centre_answers(vector):
            scope = Scope.IN_SCOPE
        probabilities, share, together = self._with_context(cut, last, alone, topic)
        topics = self._top(probabilities)
        if scope is Scope.HARMFUL or (scope is not Scope.IN_SCOPE and share < 0.5):
            return self._refuse(scope.value, topics, language)
        if topics[0].score < self._index.clear_threshold:
            return self._ask_back(topics, language)
        if together is not None and share >= 0.5:
            last, vector = together, self._encoder.encode([together.text])[0]
        return self._show(self._choose_passage(topics[0].id, last, vector, speaker, language), topics, language)

    def open_topic(self, topic_id: str, *, speaker: str | None = None, language: str = "id") -> Answer:
        """Return the general passage of a tapped topic. Raises KeyError for an unknown topic."""
        title = self._index.topic_titles[topic_id][language]
        text = self._normalizer.normalize(title)
        vector = self._encoder.encode([text.text])[0]
        passage = self._choose_passage(topic_id, text, vector, speaker, language)
        return self._show(passage, (ScoredTopic(topic_id, 1.0),), language)

    def _centre_answers(self, vector: Vectors) -> bool:
        """Return whether the centre's own passages answer what only a centre can know."""
        local = self._index.local_vectors
        return len(local) > 0 and float((local @ vector).max()) >= LOCAL_SIMILARITY

    def _with_context(
        self, turns: Sequence[str], last: NormalizedText, alone: npt.NDArray[np.float32], topic: str | None
    ) -> tuple[npt.NDArray[np.float32], float, NormalizedText | None]:
        """Mix in the reading with the turn before; returns the probabilities, that reading's share, and its text."""
        earlier = [turn for turn in turns[:-1] if turn.strip()]
        if not earlier or not last.words:
            return alone, 0.0, None
        share = self._index.gate.share(last)
        if share < NEGLIGIBLE_SHARE:
            return alone, 0.0, None
        previous = earlier[-1] if len(earlier[-1].split()) > 4 else " ".join(earlier[-2:])
        together = self._exchange_substance(previous, last) or contextual(self._normalizer, (previous, turns[-1]))
        ranker = self._index.ranker
        joined = ranker.fuse(ranker.evidence(together, self._encoder.encode([together.text])[0]))
        if topic is not None and topic in ranker.topics:
            joined = joined.copy()
            joined[ranker.topics.index(topic)] *= 1.5
            joined /= joined.sum()
        return (1 - share) * alone + share * joined, share, together

    def _exchange_substance(self, previous: str, last: NormalizedText) -> NormalizedText | None:
        """Ask the question before about another substance: "sakau sabu berapa lama?", "kalau ganja?"."""
        named = self._substance.search(last.text)
        if named is None or len(last.words) > 4:
            return None
        before = self._normalizer.normalize(previous).text
        exchanged = self._substance.sub(named[1], before)
        return self._normalizer.normalize(exchanged) if exchanged != before else None

    def _top(self, probabilities: npt.NDArray[np.float32]) -> tuple[ScoredTopic, ...]:
        order = np.argsort(-probabilities)[:_RANKED]
        return tuple(ScoredTopic(self._index.ranker.topics[i], round(float(probabilities[i]), 4)) for i in order)

    def _choose_passage(
        self, topic: str, text: NormalizedText, vector: Vectors, speaker: str | None, language: str
    ) -> Passage:
        search = self._index.passage_search
        rows = [r for r, (position, _) in enumerate(search.keys) if self._index.passages[position].topic == topic]
        if not rows:
            raise KeyError(topic)
        speaker = speaker or self._guess_speaker(text)
        words = search.words.scores(text)[rows]
        # Within a topic words tell passages apart better than vectors, which were trained to bring a topic together.
        words = words / max(float(words.max()), _STRONG_MATCH)
        scores = search.titles[rows] @ vector + 0.4 * (search.bodies[rows] @ vector) + 0.8 * words
        general = search.keys[rows[0]][0]
        best: tuple[float, Passage] | None = None
        for row, score in zip(rows, scores, strict=True):
            position, row_language = search.keys[row]
            passage = self._index.passages[position]
            value = float(score) + self._preference(passage, speaker) + (0.05 if row_language == language else 0.0)
            if position == general:
                value += _GENERAL
            if best is None or value > best[0]:
                best = (value, passage)
        assert best is not None
        return best[1]

    def _preference(self, passage: Passage, speaker: str | None) -> float:
        if passage.local:
            return 0.5
        if speaker is None or passage.audience is Audience.BOTH:
            return 0.0
        return 0.15 if passage.audience == speaker else -0.6

    def _guess_speaker(self, text: NormalizedText) -> str | None:
        return "family" if any(pattern.search(text.text) for pattern in self._family) else None

    def _show(self, passage: Passage, topics: tuple[ScoredTopic, ...], language: str) -> Answer:
        words = self._words
        reviewed = passage.reviewed
        date = f"{reviewed.day} {words['months'][language][reviewed.month - 1]} {reviewed.year}"
        sources = tuple(dict.fromkeys(source.cite() for source in passage.sources))
        lines = [passage.text(language, self._index.contacts)]
        if passage.local:
            lines.insert(0, f"{words['local'][language]}:")
        lines.append(f"{words['sources'][language]}: {'; '.join(sources[:3])} · {words['reviewed'][language]} {date}")
        return Answer(
            answered=True,
            reason=None,
            topics=topics,
            text="\n\n".join(lines),
            language=language,
            passage_id=passage.id,
            topic_id=passage.topic,
            title=passage.title[language],
            sources=sources,
            related=tuple(
                (topic, self._title(topic, language)) for topic in passage.related if topic in self._index.topic_titles
            )[:3],
        )

    def _refuse(self, reason: str, topics: tuple[ScoredTopic, ...], language: str) -> Answer:
        return Answer(False, reason, topics, self._words["reasons"][reason][language], language)

    def _ask_back(self, topics: tuple[ScoredTopic, ...], language: str) -> Answer:
        options = tuple((topic.id, self._title(topic.id, language)) for topic in topics[:_OPTIONS])
        text = self._words["reasons"]["which_topic"][language]
        return Answer(False, Scope.UNCLEAR.value, topics, text, language, options=options)

    def _title(self, topic: str, language: str) -> str:
        return self._index.topic_titles[topic][language]


def load_encoder(settings: KnowledgeSettings) -> Encoder:
    """Load the encoder that the settings name."""
    if settings.encoder == "embedded":
        return OnnxEncoder(settings.encoder_dir)
    from knowledge.encoder.named import NamedEncoder

    return NamedEncoder(settings.encoder)


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[: MAX_CHARACTERS // 2] + " ... " + text[-MAX_CHARACTERS // 2 :]
