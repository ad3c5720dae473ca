"""Tells questions the knowledge base can answer from everything else, and names the kind of everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.dataset import Scope
from knowledge.language import DetectedLanguage, NormalizedText, detect_language
from knowledge.lexical import LexicalClassifier
from knowledge.linear import LinearHead
from knowledge.ranking import Closeness
from knowledge.vector_index import Vectors

SCOPES = tuple(Scope)
#: Of each kind so many nearest examples count: one alone may be a slip.
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class ScopeDecision:
    """The judged kind of an utterance, and the probability of each kind in the order of `SCOPES`."""

    scope: Scope
    probabilities: npt.NDArray[np.float64]


class ScopeClassifier:
    """Judges scope from the nearest examples of each kind, the words, and how close the topics are.

    Nearest examples tell "kantor BNN terdekat di mana?" from "barang terdekat di mana?" where a linear model over the
    vectors sees the wish to get something: at 98 % of harmful requests refused it took 10 % of hard questions for
    harmful, the nearest examples take 4 % (tune part).
    """

    def __init__(self) -> None:
        self._lexical = LexicalClassifier(max_features=30_000, penalty=0.5)
        self._outside: dict[Scope, Vectors] = {}
        self._final: LinearHead
        #: Least probability of being answerable at which a passage is shown; below it the likeliest other kind wins.
        self.threshold = 0.5
        #: From this probability on a request counts as harmful, whatever else it might be.
        self.harmful_threshold = 0.5

    def fit(self, texts: Sequence[NormalizedText], vectors: Vectors, scopes: Sequence[Scope]) -> None:
        """Learn the words of the train part, and keep its examples of what is out of scope."""
        self._lexical.fit(texts, [SCOPES.index(scope) for scope in scopes])
        kinds = np.array([scope.value for scope in scopes])
        self._outside = {scope: vectors[kinds == scope.value] for scope in SCOPES if scope is not Scope.IN_SCOPE}

    def fit_final(
        self,
        texts: Sequence[NormalizedText],
        vectors: Vectors,
        topics: Sequence[Closeness],
        scopes: Sequence[Scope],
    ) -> None:
        """Weigh examples, words and closeness on the tune part, which the first stage has not seen."""
        rows = [self._features(t, v, c) for t, v, c in zip(texts, vectors, topics, strict=True)]
        self._final = LinearHead.fit(np.stack(rows), [SCOPES.index(scope) for scope in scopes], penalty=1.0)

    def judge(self, text: NormalizedText, vector: Vectors, topics: Closeness) -> ScopeDecision:
        """Return the kind of one utterance."""
        if not any(len(word) > 1 and word.isalpha() for word in text.words):
            return self._certain(Scope.SMALL_TALK if text.text and not text.words else Scope.UNCLEAR)
        if detect_language(text) is DetectedLanguage.NEITHER:
            return self._certain(Scope.LANGUAGE)
        probabilities = np.zeros(len(SCOPES))
        probabilities[list(self._final.classes)] = self._final.probabilities(self._features(text, vector, topics))
        if probabilities[SCOPES.index(Scope.HARMFUL)] >= self.harmful_threshold:
            return ScopeDecision(Scope.HARMFUL, probabilities)
        if probabilities[SCOPES.index(Scope.IN_SCOPE)] >= self.threshold:
            return ScopeDecision(Scope.IN_SCOPE, probabilities)
        others = probabilities.copy()
        others[SCOPES.index(Scope.IN_SCOPE)] = -1.0
        return ScopeDecision(SCOPES[int(others.argmax())], probabilities)

    def _features(self, text: NormalizedText, vector: Vectors, topics: Closeness) -> npt.NDArray[np.float64]:
        outside = [_nearest(examples @ vector) for examples in self._outside.values()]
        close = [*outside, topics.neighbours, topics.centroid]
        certain = [topics.confidence * 3, min(len(text.words), 20) / 10]
        return np.concatenate([np.array(close) * 10, self._lexical.scores(text) * 3, certain])

    def _certain(self, scope: Scope) -> ScopeDecision:
        probabilities = np.zeros(len(SCOPES))
        probabilities[SCOPES.index(scope)] = 1.0
        return ScopeDecision(scope, probabilities)


def _nearest(cosines: Vectors) -> float:
    """Return the mean of the highest cosines; 0 where a kind has no examples."""
    count = min(_NEAREST, len(cosines))
    return float(np.partition(cosines, -count)[-count:].mean()) if count else 0.0
