"""BM25 and the linear classifier over stems and pieces of words."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.language import NormalizedText
from knowledge.lexical import Bm25, LexicalClassifier, stems_of


def text(words: str) -> NormalizedText:
    """Return a text whose words are their own stems."""
    return NormalizedText(words, words, tuple(words.split()), tuple(words.split()))


DOCUMENTS = [text("kapan boleh jenguk"), text("berapa biaya rehabilitasi"), text("gejala sakau sabu berapa lama")]


def test_stems_are_joined() -> None:
    assert stems_of(NormalizedText("", "", (), ("obat", "jenguk"))) == "obat jenguk"


@pytest.mark.parametrize("characters", [False, True])
@pytest.mark.parametrize(("query", "best"), [("jenguk kapan", 0), ("biaya", 1), ("sakau", 2)])
def test_the_document_with_the_words_scores_best(characters: bool, query: str, best: int) -> None:
    scores = Bm25(characters=characters).fit(DOCUMENTS).scores(text(query))
    assert scores.shape == (3,)
    assert int(scores.argmax()) == best


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    scores = Bm25(characters=False).fit(DOCUMENTS).scores(text("berapa biaya"))
    assert scores[1] > scores[2] > scores[0] == 0


def test_pieces_find_a_word_with_a_slip_where_stems_do_not() -> None:
    slip = text("rehabilitassi")
    assert Bm25(characters=False).fit(DOCUMENTS).scores(slip).max() == 0
    assert int(Bm25(characters=True).fit(DOCUMENTS).scores(slip).argmax()) == 1


@pytest.mark.parametrize("characters", [False, True])
@pytest.mark.parametrize("query", ["", "zzzzzz", "?"])
def test_nothing_known_scores_nothing(characters: bool, query: str) -> None:
    scores = Bm25(characters=characters).fit(DOCUMENTS).scores(text(query))
    assert scores.tolist() == [0.0, 0.0, 0.0]


def test_an_empty_document_can_be_indexed() -> None:
    bm25 = Bm25(characters=False).fit([text(""), text("biaya")])
    assert bm25.scores(text("biaya"))[1] > 0


TRAINING = {
    0: ["kapan boleh jenguk", "jam jenguk hari apa", "boleh jenguk anak"],
    1: ["berapa biaya rehabilitasi", "biaya mahal tidak", "bayar berapa"],
    2: ["gejala sakau", "sakau berapa lama", "sakau sabu"],
}


@pytest.mark.parametrize("classes", [2, 3])
def test_the_classifier_learns_each_class(classes: int) -> None:
    texts = [text(t) for label in range(classes) for t in TRAINING[label]]
    labels = [label for label in range(classes) for _ in TRAINING[label]]
    classifier = LexicalClassifier().fit(texts, labels)
    for label, query in enumerate(["jenguk anak", "biaya bayar", "sakau"][:classes]):
        scores = classifier.scores(text(query))
        assert scores.shape == (classes,)
        assert int(scores.argmax()) == label


def test_a_text_of_unknown_words_gets_the_bias_only() -> None:
    texts = [text(t) for label in range(3) for t in TRAINING[label]]
    classifier = LexicalClassifier().fit(texts, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    empty = classifier.scores(text(""))
    assert np.isfinite(empty).all()
    assert classifier.scores(text("9999")).shape == (3,)
