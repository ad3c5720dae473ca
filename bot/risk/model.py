"""The statistical half of the risk screen: sentence vector and words in, probabilities of levels and categories out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from bot.risk.assessment import Category, RiskLevel
from knowledge.dataset import RiskMessage
from knowledge.language import NormalizedText
from knowledge.lexical import LexicalClassifier

CATEGORIES = tuple(Category)
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Calibrated probabilities for one text.

    Attributes:
        danger: Of level URGENT or above.
        emergency: Of level EMERGENCY.
        support: Of level SUPPORT, given no danger.
        categories: By position in `CATEGORIES`.
    """

    danger: float
    emergency: float
    support: float
    categories: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Logits:
    """Several yes-or-no models on the same vector as one matrix: ten calls of scikit-learn would take longer."""

    weights: npt.NDArray[np.float64] | None = None
    bias: npt.NDArray[np.float64] | None = None

    @classmethod
    def fit(cls, vectors: Vectors, answers: Sequence[Sequence[bool]]) -> _Logits:
        models = [LogisticRegression(C=3.0, max_iter=500, class_weight="balanced").fit(vectors, row) for row in answers]
        return cls(np.vstack([model.coef_ for model in models]), np.hstack([model.intercept_ for model in models]))

    def probabilities(self, vector: Vectors) -> npt.NDArray[np.float64]:
        assert self.weights is not None and self.bias is not None
        result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(self.weights @ vector + self.bias)))
        return result


class RiskModel:
    """Two views of a text, the encoder's and the words', joined by a small calibrated model."""

    def __init__(self) -> None:
        self._words = LexicalClassifier(max_features=50_000, penalty=0.3)
        self._dense = LogisticRegression(C=3.0, max_iter=1_000)
        self._categories = _Logits()
        self._danger = LogisticRegression(C=1.0)
        self._emergency = LogisticRegression(C=1.0)

    def fit(self, texts: Sequence[NormalizedText], vectors: Vectors, messages: Sequence[RiskMessage]) -> None:
        """Learn both views from the train part."""
        levels = np.array([message.level for message in messages])
        self._words.fit(texts, levels.tolist())
        self._dense.fit(vectors, levels)
        self._categories = _Logits.fit(
            vectors, [[category.value in message.categories for message in messages] for category in CATEGORIES]
        )

    def fit_final(self, texts: Sequence[NormalizedText], vectors: Vectors, levels: Sequence[int]) -> None:
        """Join and calibrate the views on the tune part, which the first stage has not seen."""
        rows = np.stack([self._features(text, vector) for text, vector in zip(texts, vectors, strict=True)])
        known = np.array(levels)
        self._danger.fit(rows, known >= RiskLevel.URGENT)
        self._emergency.fit(rows, known >= RiskLevel.EMERGENCY)

    def predict(self, text: NormalizedText, vector: Vectors) -> Prediction:
        """Return probabilities for one normalised text and its sentence vector."""
        row = self._features(text, vector).reshape(1, -1)
        dense = self._dense.predict_proba(vector.reshape(1, -1))[0]
        return Prediction(
            danger=float(self._danger.predict_proba(row)[0, 1]),
            emergency=float(self._emergency.predict_proba(row)[0, 1]),
            support=float(dense[1] / max(dense[0] + dense[1], 1e-9)),
            categories=self._categories.probabilities(vector),
        )

    def _features(self, text: NormalizedText, vector: Vectors) -> npt.NDArray[np.float64]:
        dense = self._dense.decision_function(vector.reshape(1, -1))[0]
        words = self._words.scores(text)
        return np.concatenate([dense, words * 3, [min(len(text.words), 40) / 20]])
