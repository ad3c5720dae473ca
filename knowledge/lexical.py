"""Words beside vectors: BM25 over stems and character pieces, and a linear classifier over the same features.

Dense vectors blur rare words (a law's number, a pill's name); these don't. Stems carry words over inflections, and
character pieces carry them over typing slips.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.svm import LinearSVC

from knowledge.language import NormalizedText

Scores = npt.NDArray[np.float32]


def stems_of(text: NormalizedText) -> str:
    """Return the text's stems as one string for the vectorisers."""
    return " ".join(text.stems)


class Bm25:
    """Okapi BM25 over one kind of term: stems, or pieces of four characters within words."""

    def __init__(self, *, characters: bool) -> None:
        self._terms = (
            CountVectorizer(analyzer="char_wb", ngram_range=(4, 4)).build_analyzer() if characters else str.split
        )
        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every index at DEBUG
        self._model = bm25s.BM25()
        self._documents = 0

    def fit(self, documents: Sequence[NormalizedText]) -> Bm25:
        """Index the documents."""
        self._documents = len(documents)
        self._model.index([self._terms(stems_of(d)) or [""] for d in documents], show_progress=False)
        return self

    def scores(self, query: NormalizedText) -> Scores:
        """Return every document's score, shape (documents,)."""
        known = [term for term in self._terms(stems_of(query)) if term in self._model.vocab_dict]
        if not known:
            return np.zeros(self._documents, dtype=np.float32)
        result: Scores = self._model.get_scores(known)
        return result


class _Terms:
    """A fitted TF-IDF vectoriser, read for one text at a time without scikit-learn's checks."""

    def __init__(self, fitted: TfidfVectorizer, offset: int) -> None:
        self._vocabulary: dict[str, int] = fitted.vocabulary_
        self._idf = fitted.idf_.astype(np.float32)
        self._offset = offset
        self._analyze: Callable[[str], list[str]] = fitted.build_analyzer()

    def weigh(self, text: str) -> tuple[npt.NDArray[np.int64], Scores]:
        """Return positions and weights of the known terms, weights of unit length."""
        counts = Counter(
            position for term in self._analyze(text) if (position := self._vocabulary.get(term)) is not None
        )
        positions = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        weights = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))) * self._idf[positions]
        length = float(np.sqrt(weights @ weights)) or 1.0
        return positions + self._offset, weights / length


class LexicalClassifier:
    """A linear classifier over TF-IDF of stems (one and two) and of character pieces (two to five)."""

    def __init__(self, *, max_features: int = 60_000, penalty: float = 0.3) -> None:
        self._characters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=max_features, dtype=np.float32
        )
        self._stems = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+", max_features=max_features, dtype=np.float32
        )
        self._penalty = penalty
        self._terms: tuple[_Terms, _Terms]
        self._weights: Any = None
        self._bias: Any = None

    def fit(self, texts: Sequence[NormalizedText], labels: Sequence[int]) -> LexicalClassifier:
        """Learn from labelled texts; labels are 0 to classes - 1 and each occurs."""
        features = hstack(
            [self._characters.fit_transform([t.text for t in texts]), self._stems.fit_transform(map(stems_of, texts))]
        ).tocsr()
        self._terms = (_Terms(self._characters, 0), _Terms(self._stems, len(self._characters.vocabulary_)))
        model = LinearSVC(C=self._penalty, random_state=0).fit(features, labels)
        binary = len(model.coef_) == 1
        weights = np.vstack([-model.coef_, model.coef_]) if binary else model.coef_
        bias = np.hstack([-model.intercept_, model.intercept_]) if binary else model.intercept_
        self._weights = np.ascontiguousarray(weights.T, dtype=np.float32)
        self._bias = bias.astype(np.float32)
        return self

    def scores(self, text: NormalizedText) -> Scores:
        """Return each class's margin, shape (classes,)."""
        characters, stems = self._terms
        (pieces, piece_weights), (words, word_weights) = characters.weigh(text.text), stems.weigh(stems_of(text))
        positions, weights = np.concatenate([pieces, words]), np.concatenate([piece_weights, word_weights])
        result: Scores = weights @ self._weights[positions] + self._bias
        return result
