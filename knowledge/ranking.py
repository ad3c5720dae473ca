"""From an utterance to ranked topics: dense and lexical evidence, fused into probabilities.

Each part gives every topic a number; a conditional logit fitted on the tune part weighs them. What each part is
worth stands in the ablation table of `make evaluate` (docs/retrieval.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from knowledge.language import NormalizedText
from knowledge.lexical import Bm25, LexicalClassifier
from knowledge.vector_index import VectorIndex, Vectors

Scores = npt.NDArray[np.float32]
PARTS = ("neighbours", "centroids", "classifier", "bm25_stems", "bm25_characters")
#: So many nearest vectors are looked at; with 120 questions a topic, the likely topics' best few are among them.
_NEIGHBOURS = 400
_BEST = 3
#: Cosines are stretched to the scale of the other parts' numbers.
_COSINE = 10.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """The indexed texts of all topics.

    Attributes:
        topics: Topic ids in a fixed order.
        texts: Sample questions and passages.
        labels: Position in `topics` of each text.
        vectors: float32, shape (texts, dimension), unit length.
    """

    topics: Sequence[str]
    texts: Sequence[NormalizedText]
    labels: npt.NDArray[np.int64]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close an utterance is to the topics at all.

    Attributes:
        confidence: Probability of the likeliest topic.
        neighbours: Mean cosine of the nearest topic's best sample questions.
        centroid: Cosine of the nearest topic's centroid.
    """

    confidence: float
    neighbours: float
    centroid: float


class TopicRanker:
    """Ranks topics for one utterance. Build once, then only read: safe to share between threads."""

    def __init__(self, corpus: Corpus, index: VectorIndex) -> None:
        """Learn the lexical parts from the corpus; `index` holds `corpus.vectors` in the same order."""
        self.topics = tuple(corpus.topics)
        self.index = index
        self._labels = corpus.labels
        count = len(self.topics)
        centroids = np.stack([corpus.vectors[corpus.labels == topic].mean(axis=0) for topic in range(count)])
        self._centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
        self._classifier = LexicalClassifier().fit(corpus.texts, corpus.labels.tolist())
        documents = _topic_documents(corpus)
        self._stems = Bm25(characters=False).fit(documents)
        self._characters = Bm25(characters=True).fit(documents)
        self.weights: Mapping[str, float] = dict.fromkeys(PARTS, 1.0)

    def evidence(self, text: NormalizedText, vector: Vectors, parts: Sequence[str] = PARTS) -> dict[str, Scores]:
        """Return each part's number for every topic, shape (topics,), higher is better."""
        compute: dict[str, Callable[[], Scores]] = {
            "neighbours": lambda: self._neighbours(vector),
            "centroids": lambda: self._centroids @ vector * _COSINE,
            "classifier": lambda: self._classifier.scores(text) * 3,
            "bm25_stems": lambda: _relative(self._stems.scores(text)),
            "bm25_characters": lambda: _relative(self._characters.scores(text)),
        }
        return {part: compute[part]() for part in parts}

    def fuse(self, evidence: Mapping[str, Scores]) -> Scores:
        """Return topic probabilities, shape (topics,), summing to one."""
        return _softmax(sum(self.weights.get(part, 0.0) * scores for part, scores in evidence.items()))  # type: ignore[arg-type]

    def closeness(self, evidence: Mapping[str, Scores], probabilities: Scores) -> Closeness:
        """Return what evidence with all parts, and the probabilities fused from it, say about how close topics are."""
        neighbours, centroid = (float(evidence[part].max()) / _COSINE for part in ("neighbours", "centroids"))
        return Closeness(float(probabilities.max()), neighbours, centroid)

    def fit_weights(self, evidence: Sequence[Mapping[str, Scores]], labels: Sequence[int]) -> None:
        """Set the parts' weights to those that make the right topics likeliest on texts that were not indexed."""
        parts = list(evidence[0])
        stacked = np.stack([[row[part] for part in parts] for row in evidence]).astype(np.float64)
        rows = np.arange(len(labels))

        def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            probabilities = _softmax(np.einsum("p,npt->nt", weights, stacked))
            right = -np.log(probabilities[rows, labels] + 1e-12).mean()
            expected = np.einsum("nt,npt->np", probabilities, stacked)
            gradient = (expected - stacked[rows, :, labels]).mean(axis=0)
            return float(right + 1e-3 * weights @ weights), gradient + 2e-3 * weights

        start = np.full(len(parts), 0.5)
        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(parts)).x
        self.weights = {part: float(weight) for part, weight in zip(parts, fitted, strict=True)}

    def _neighbours(self, vector: Vectors) -> Scores:
        positions, cosines = self.index.search(vector, _NEIGHBOURS)
        floor = float(cosines[-1]) if len(cosines) else 0.0
        best = np.full((len(self.topics), _BEST), floor, dtype=np.float32)
        filled = np.zeros(len(self.topics), dtype=np.int64)
        for position, cosine in zip(positions, cosines, strict=True):
            topic = self._labels[position]
            if filled[topic] < _BEST:
                best[topic, filled[topic]] = cosine
                filled[topic] += 1
        result: Scores = best.mean(axis=1) * _COSINE
        return result


def _topic_documents(corpus: Corpus) -> list[NormalizedText]:
    """Return one document a topic, holding all its texts.

    Better and ten times faster than BM25 over single texts: what tells topics apart are the words that a topic's
    questions share, not those of the one question that happens to be alike (docs/retrieval.md).
    """
    stems: list[list[str]] = [[] for _ in corpus.topics]
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        stems[label].extend(text.stems)
    return [NormalizedText("", "", (), tuple(of_topic)) for of_topic in stems]


def _relative(scores: Scores) -> Scores:
    return scores / max(float(scores.max()), 1e-6) * 3


def _softmax(logits: npt.NDArray[np.floating]) -> Scores:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Scores = (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
    return result
