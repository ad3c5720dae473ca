"""Resolves follow-up questions ("kalau ganja?", "berapa lama?") with the turns before them.

The last turn is read twice: alone, and together with what came before. How far the second reading counts depends on
how little the last turn says by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from knowledge.language import NormalizedText
from knowledge.lexical import LexicalClassifier
from knowledge.linear import LinearHead

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
        self._words = LexicalClassifier(max_features=20_000)
        self._head: LinearHead

    def fit_words(self, lasts: Sequence[NormalizedText], dependent: Sequence[bool]) -> None:
        """Learn from the train part how last turns sound that do and don't depend on earlier ones."""
        self._words.fit(lasts, [int(leans) for leans in dependent])

    def fit(self, rows: Sequence[npt.NDArray[np.float64]], dependent: Sequence[bool]) -> None:
        """Weigh words against the readings' confidence, from feature rows (`features`) of the tune part."""
        self._head = LinearHead.fit(np.stack(rows), dependent, penalty=1.0)

    def share(self, features: npt.NDArray[np.float64]) -> float:
        """Return the weight, 0 to 1, of the reading with context."""
        return self._head.probability(features)

    def greatest_share(self, last: NormalizedText, alone: float) -> float:
        """Return the most that the reading with context could weigh, before that reading is made."""
        return max(self.share(self.features(last, alone, together)) for together in (0.0, 1.0))

    def features(self, last: NormalizedText, alone: float, together: float) -> npt.NDArray[np.float64]:
        """Return the features of a last turn.

        Args:
            alone: Probability of the likeliest topic from the last turn alone.
            together: The same from both turns.
        """
        count = len(last.text.split())
        connective = bool(_CONNECTIVE.match(last.text))
        sounds = float(self._words.scores(last)[1])
        return np.array(
            [min(count, 15) / 5, count <= 3, connective, sounds * 2, alone * 3, together * 3], dtype=np.float64
        )
