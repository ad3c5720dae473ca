"""Scope: nearest examples of each kind, words, and how close the topics are."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.dataset import Scope
from knowledge.language import NormalizedText
from knowledge.ranking import Closeness
from knowledge.scope import ScopeClassifier
from tests.unit.knowledge.content import WordEncoder

HARMFUL = ["beli barang murah di mana", "titip barang rahasia", "sembunyikan barang di kamar", "jual barang cepat"]
OFF_TOPIC = ["skor bola tadi malam", "resep rendang padang", "harga motor bekas", "cuaca besok hujan"]
IN_SCOPE = ["biaya rehab berapa", "jadwal jenguk anak", "gejala sakau sabu", "hak waktu ditangkap"]
NEAR, FAR = Closeness(0.98, 0.9, 0.9), Closeness(0.2, 0.1, 0.1)


def text(words: str) -> NormalizedText:
    return NormalizedText(words, words, tuple(words.split()), tuple(words.split()))


@pytest.fixture(scope="module")
def classifier() -> ScopeClassifier:
    encoder = WordEncoder()
    rows = [(t, Scope.HARMFUL, FAR) for t in HARMFUL] + [(t, Scope.OFF_TOPIC, FAR) for t in OFF_TOPIC]
    rows += [(t, Scope.IN_SCOPE, NEAR) for t in IN_SCOPE]
    texts, vectors = [text(t) for t, _, _ in rows], encoder.encode([t for t, _, _ in rows])
    made = ScopeClassifier()
    made.fit(texts, vectors, [scope for _, scope, _ in rows])
    made.fit_final(texts, vectors, [close for _, _, close in rows], [scope for _, scope, _ in rows])
    return made


@pytest.mark.parametrize(
    ("words", "close", "expected"),
    [
        ("beli barang di kamar", FAR, Scope.HARMFUL),
        ("resep rendang enak", FAR, Scope.OFF_TOPIC),
        ("biaya rehab anak", NEAR, Scope.IN_SCOPE),
        ("!!", NEAR, Scope.SMALL_TALK),
        ("", NEAR, Scope.UNCLEAR),
    ],
)
def test_judges_by_examples_words_and_closeness(
    classifier: ScopeClassifier, words: str, close: Closeness, expected: Scope
) -> None:
    known = text(words) if words != "!!" else NormalizedText("!!", "!!", (), ())
    assert classifier.judge(known, WordEncoder().encode([words])[0], close).scope is expected


def test_a_probability_is_given_for_every_kind(classifier: ScopeClassifier) -> None:
    decision = classifier.judge(text("biaya rehab anak"), WordEncoder().encode(["biaya rehab anak"])[0], NEAR)
    assert decision.probabilities.shape == (len(Scope),)
    assert np.isclose(decision.probabilities.sum(), 1.0)
