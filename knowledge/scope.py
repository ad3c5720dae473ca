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
from knowledge.vector_index import Vectors

SCOPES = tuple(Scope)


@dataclass(frozen=True, slots=True)
class ScopeDecision:
    """The judged kind of an utterance, and the probability of each kind in the order of `SCOPES`."""

    scope: Scope
    probabilities: npt.NDArray[np.float64]


class ScopeClassifier:
    """Judges scope from the sentence vector, the words, and how sure the topic ranking is."""

    def __init__(self) -> None:
        self._lexical = LexicalClassifier(max_features=30_000, penalty=0.5)
        self._dense: LinearHead
        self._final: LinearHead
        #: Least probability of being answerable at which a passage is shown; below it the likeliest other kind wins.
        self.threshold = 0.5
        #: From this probability on a request counts as harmful, whatever else it might be.
        self.harmful_threshold = 0.5

    def fit(self, texts: Sequence[NormalizedText], vectors: Vectors, scopes: Sequence[Scope]) -> None:
        """Learn words and vectors from the train part."""
        labels = [SCOPES.index(scope) for scope in scopes]
        self._lexical.fit(texts, labels)
        self._dense = LinearHead.fit(vectors, labels, penalty=10.0)

    def fit_final(
        self,
        texts: Sequence[NormalizedText],
        vectors: Vectors,
        confidences: Sequence[float],
        scopes: Sequence[Scope],
    ) -> None:
        """Weigh words, vector and ranking confidence on the tune part, which the first stage has not seen."""
        rows = [self._features(t, v, c) for t, v, c in zip(texts, vectors, confidences, strict=True)]
        self._final = LinearHead.fit(np.stack(rows), [SCOPES.index(scope) for scope in scopes], penalty=1.0)

    def judge(self, text: NormalizedText, vector: Vectors, confidence: float) -> ScopeDecision:
        """Return the kind of one utterance.

        Args:
            confidence: Probability of the likeliest topic, from the ranker.
        """
        if not any(len(word) > 1 and word.isalpha() for word in text.words):
            return self._certain(Scope.SMALL_TALK if text.text and not text.words else Scope.UNCLEAR)
        if detect_language(text) is DetectedLanguage.NEITHER:
            return self._certain(Scope.LANGUAGE)
        probabilities = np.zeros(len(SCOPES))
        probabilities[list(self._final.classes)] = self._final.probabilities(self._features(text, vector, confidence))
        if probabilities[SCOPES.index(Scope.HARMFUL)] >= self.harmful_threshold:
            return ScopeDecision(Scope.HARMFUL, probabilities)
        if probabilities[SCOPES.index(Scope.IN_SCOPE)] >= self.threshold:
            return ScopeDecision(Scope.IN_SCOPE, probabilities)
        others = probabilities.copy()
        others[SCOPES.index(Scope.IN_SCOPE)] = -1.0
        return ScopeDecision(SCOPES[int(others.argmax())], probabilities)

    def _features(self, text: NormalizedText, vector: Vectors, confidence: float) -> npt.NDArray[np.float64]:
        dense = self._dense.scores(vector)
        return np.concatenate([dense, self._lexical.scores(text) * 3, [confidence * 3, min(len(text.words), 20) / 10]])

    def _certain(self, scope: Scope) -> ScopeDecision:
        probabilities = np.zeros(len(SCOPES))
        probabilities[SCOPES.index(scope)] = 1.0
        return ScopeDecision(scope, probabilities)
