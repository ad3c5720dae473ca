"""The statistical half of the risk screen: sentence vector and words in, probabilities of levels and categories out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.risk.assessment import Category, RiskLevel
from knowledge.dataset import RiskMessage
from knowledge.language import NormalizedText
from knowledge.lexical import LexicalClassifier
from knowledge.linear import LinearHead

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


class RiskModel:
    """Two views of a text, the encoder's and the words', joined by a small calibrated model."""

    def __init__(self) -> None:
        self._words = LexicalClassifier(max_features=50_000, penalty=0.3)
        self._dense: LinearHead
        self._categories: tuple[LinearHead, ...] = ()
        self._danger: LinearHead
        self._emergency: LinearHead

    def fit(self, texts: Sequence[NormalizedText], vectors: Vectors, messages: Sequence[RiskMessage]) -> None:
        """Learn both views from the train part."""
        levels = [message.level for message in messages]
        self._words.fit(texts, levels)
        self._dense = LinearHead.fit(vectors, levels, penalty=3.0)
        self._categories = tuple(
            LinearHead.fit(
                vectors, [category.value in message.categories for message in messages], penalty=3.0, balanced=True
            )
            for category in CATEGORIES
        )

    def fit_final(self, texts: Sequence[NormalizedText], vectors: Vectors, levels: Sequence[int]) -> None:
        """Join and calibrate the views on the tune part, which the first stage has not seen."""
        rows = np.stack([self._features(text, vector) for text, vector in zip(texts, vectors, strict=True)])
        known = np.array(levels)
        self._danger = LinearHead.fit(rows, known >= RiskLevel.URGENT, penalty=1.0)
        self._emergency = LinearHead.fit(rows, known >= RiskLevel.EMERGENCY, penalty=1.0)

    def worry(self, text: NormalizedText) -> float:
        """Return how dangerous the words alone look, without the encoder: higher is worse, on no fixed scale."""
        none, support, urgent, emergency = self._words.scores(text)
        return float(max(urgent, emergency) - max(none, support))

    def predict(self, text: NormalizedText, vector: Vectors) -> Prediction:
        """Return probabilities for one normalised text and its sentence vector."""
        row = self._features(text, vector)
        dense = self._dense.probabilities(vector)
        return Prediction(
            danger=self._danger.probability(row),
            emergency=self._emergency.probability(row),
            support=float(dense[1] / max(dense[0] + dense[1], 1e-9)),
            categories=np.array([head.probability(vector) for head in self._categories]),
        )

    def _features(self, text: NormalizedText, vector: Vectors) -> npt.NDArray[np.float64]:
        dense = self._dense.scores(vector)
        words = self._words.scores(text)
        return np.concatenate([dense, words * 3, [min(len(text.words), 40) / 20]])
