"""Resolves follow-up questions ("kalau ganja?", "berapa lama?") with the turns before them.

A last turn that sounds like a follow-up is read twice: alone, and together with what came before. How it sounds decides
how far the second reading counts; how sure the readings are does not, since "kalau ganja?" alone is sure, and wrong.
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
    """Estimates from how a last turn sounds whether it leans on the turn before it."""

    def __init__(self) -> None:
        self._words = LexicalClassifier(max_features=20_000)
        self._head: LinearHead

    def fit_words(self, lasts: Sequence[NormalizedText], dependent: Sequence[bool]) -> None:
        """Learn from the train part how last turns sound that do and don't depend on earlier ones."""
        self._words.fit(lasts, [int(leans) for leans in dependent])

    def fit(self, lasts: Sequence[NormalizedText], dependent: Sequence[bool]) -> None:
        """Weigh words against length on the tune part."""
        self._head = LinearHead.fit(np.stack([self.features(last) for last in lasts]), dependent, penalty=1.0)

    def share(self, last: NormalizedText) -> float:
        """Return the weight, 0 to 1, of the reading with context."""
        return self._head.probability(self.features(last))

    def features(self, last: NormalizedText) -> npt.NDArray[np.float64]:
        """Return length, brevity, a connective at the start, and how much the words sound like a follow-up."""
        count = len(last.text.split())
        sounds = float(self._words.scores(last)[1])
        return np.array(
            [min(count, 15) / 5, count <= 3, bool(_CONNECTIVE.match(last.text)), sounds * 2], dtype=np.float64
        )
