"""Resolves follow-up questions ("kalau ganja?", "berapa lama?") with the turns before them.

The last turn is read twice: alone, and together with what came before. How far the second reading counts depends on
how little the last turn says by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

#: Marks the turn before in the texts that the encoder and the classifier learn from and are asked with.
LINK = " << "
_CONNECTIVE = re.compile(
    r"^(kalau|terus|lalu|trus|dan|tapi|atau|itu|ini|yang|berarti|jadi|emang|memang|bagaimana dengan|and|what about|how about"
    r"|but|or|so|then|is it|does it|is that|for)\b"
)
_MAX_PREVIOUS = 160


def join_turns(previous: str, last: str) -> str:
    """Return one text for a turn and the turn before it, both normalised."""
    return f"{last}{LINK}{previous[-_MAX_PREVIOUS:]}"


class FollowUpGate:
    """Estimates how much a last turn leans on the turn before it."""

    def __init__(self) -> None:
        self._model = LogisticRegression(C=1.0)

    def fit(self, rows: Sequence[npt.NDArray[np.float64]], dependent: Sequence[bool]) -> None:
        """Learn from feature rows (`features`) of last turns that do and don't depend on earlier ones."""
        self._model.fit(np.stack(rows), dependent)

    def share(self, features: npt.NDArray[np.float64]) -> float:
        """Return the weight, 0 to 1, of the reading with context."""
        return float(self._model.predict_proba(features.reshape(1, -1))[0, 1])

    @staticmethod
    def features(last: str, alone: float, together: float) -> npt.NDArray[np.float64]:
        """Return the features of a last turn.

        Args:
            last: Normalised text of the last turn.
            alone: Probability of the likeliest topic from the last turn alone.
            together: The same from both turns.
        """
        words = last.split()
        return np.array(
            [min(len(words), 15) / 5, len(words) <= 3, bool(_CONNECTIVE.match(last)), alone * 3, together * 3], dtype=np.float64
        )
