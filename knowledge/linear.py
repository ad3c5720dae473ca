"""Fitted linear models as plain arrays: for one text at a time scikit-learn checks its input longer than it computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Row = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Logistic regression over the classes it was fitted with.

    Attributes:
        classes: The labels seen in fitting, ascending.
        weights: Shape (classes, features).
        bias: Shape (classes,).
    """

    classes: tuple[int, ...]
    weights: Row
    bias: Row

    @classmethod
    def fit(
        cls, rows: npt.NDArray[Any], labels: Iterable[Any], *, penalty: float, balanced: bool = False
    ) -> LinearHead:
        """Fit to rows, shape (texts, features), and whole-number or yes-or-no labels.

        Where only one class occurs (a small knowledge base), it is always found.
        """
        known = [int(label) for label in labels]
        if len(set(known)) == 1:
            return cls((known[0],), np.zeros((1, rows.shape[1])), np.zeros(1))
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=penalty, max_iter=1_000, class_weight=weight).fit(rows, known)
        weights, bias = model.coef_, model.intercept_
        if len(weights) == 1:  # two classes: scikit-learn keeps the second one's score only
            weights, bias = np.vstack([np.zeros_like(weights), weights]), np.hstack([[0.0], bias])
        return cls(tuple(int(c) for c in model.classes_), weights.astype(np.float64), bias.astype(np.float64))

    def scores(self, row: npt.NDArray[Any]) -> Row:
        """Return each class's margin, shape (classes,)."""
        result: Row = self.weights @ row + self.bias
        return result

    def probabilities(self, row: npt.NDArray[Any]) -> Row:
        """Return each class's probability, shape (classes,)."""
        scores = self.scores(row)
        shares = np.exp(scores - scores.max())
        result: Row = shares / shares.sum()
        return result

    def probability(self, row: npt.NDArray[Any]) -> float:
        """Return the probability of yes, for a model of yes (1) and no (0)."""
        return float(self.probabilities(row)[-1]) if self.classes[-1] == 1 else 0.0
