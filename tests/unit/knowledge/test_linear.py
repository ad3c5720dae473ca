"""Linear heads say what scikit-learn's own models say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from knowledge.linear import LinearHead

ROWS = np.random.default_rng(3).normal(size=(60, 5))


@pytest.mark.parametrize("labels", [(ROWS[:, 0] > 0).astype(int), np.digitize(ROWS[:, 1], [-0.5, 0.5])])
def test_probabilities_are_those_of_scikit_learn(labels: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    head = LinearHead.fit(ROWS, labels, penalty=2.0)
    model = LogisticRegression(C=2.0, max_iter=1_000).fit(ROWS, labels)
    for row in ROWS[:10]:
        assert head.probabilities(row) == pytest.approx(model.predict_proba([row])[0])


def test_probability_is_that_of_yes() -> None:
    head = LinearHead.fit(ROWS, ROWS[:, 0] > 0, penalty=10.0)
    assert head.probability(np.array([3.0, 0, 0, 0, 0])) > 0.9
    assert head.probability(np.array([-3.0, 0, 0, 0, 0])) < 0.1


@pytest.mark.parametrize(("answer", "expected"), [(True, 1.0), (False, 0.0)])
def test_a_single_class_is_always_found(answer: bool, expected: float) -> None:
    head = LinearHead.fit(ROWS, [answer] * len(ROWS), penalty=1.0)
    assert head.probability(ROWS[0]) == expected
