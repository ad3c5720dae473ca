"""Ranking topics: each part's evidence, and weights fitted on texts that were not indexed."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.language import NormalizedText
from knowledge.ranking import PARTS, Corpus, TopicRanker
from knowledge.vector_index import VectorIndex
from tests.unit.knowledge.content import WordEncoder

SAMPLES = {
    "rehab.visits": ["kapan boleh jenguk", "jam jenguk anak", "boleh jenguk hari minggu", "jenguk bawa apa"],
    "rehab.cost": ["berapa biaya rehabilitasi", "biaya mahal tidak", "bayar berapa sebulan", "ada yang gratis"],
    "addiction.withdrawal": ["gejala sakau sabu", "sakau berapa lama", "badan sakit waktu sakau", "sakau bahaya tidak"],
}
TOPICS = list(SAMPLES)


def text(words: str) -> NormalizedText:
    return NormalizedText(words, words, tuple(words.split()), tuple(words.split()))


@pytest.fixture(scope="module")
def ranker() -> TopicRanker:
    encoder = WordEncoder()
    rows = [(sample, position) for position, topic in enumerate(TOPICS) for sample in SAMPLES[topic]]
    vectors = encoder.encode([sample for sample, _ in rows])
    corpus = Corpus(TOPICS, [text(s) for s, _ in rows], np.array([label for _, label in rows]), vectors)
    return TopicRanker(corpus, VectorIndex.build(vectors))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("query", "topic"),
    [("jenguk adik", "rehab.visits"), ("biaya bayar", "rehab.cost"), ("sakau parah", "addiction.withdrawal")],
)
def test_each_part_alone_finds_the_topic(ranker: TopicRanker, part: str, query: str, topic: str) -> None:
    evidence = ranker.evidence(text(query), WordEncoder().encode([query])[0], [part])
    assert list(evidence) == [part]
    assert evidence[part].shape == (3,)
    assert TOPICS[int(evidence[part].argmax())] == topic


def test_fused_evidence_is_a_probability(ranker: TopicRanker) -> None:
    fused = ranker.fuse(ranker.evidence(text("jenguk"), WordEncoder().encode(["jenguk"])[0]))
    assert fused.sum() == pytest.approx(1.0)
    assert TOPICS[int(fused.argmax())] == "rehab.visits"


def test_an_empty_text_gives_a_probability_too(ranker: TopicRanker) -> None:
    fused = ranker.fuse(ranker.evidence(text(""), WordEncoder().encode([""])[0]))
    assert fused.sum() == pytest.approx(1.0)
    assert np.isfinite(fused).all()


def test_fitting_weighs_the_part_that_is_right_and_drops_the_one_that_is_wrong(ranker: TopicRanker) -> None:
    labels = [0, 1, 2, 0, 1, 2]
    right, noise = np.eye(3, dtype=np.float32)[labels], np.eye(3, dtype=np.float32)[[1, 2, 0, 2, 0, 1]]
    before = ranker.weights
    try:
        ranker.fit_weights([{"right": r, "wrong": w} for r, w in zip(right, noise, strict=True)], labels)
        assert ranker.weights["right"] > 1.0
        assert ranker.weights["wrong"] == 0.0
    finally:
        ranker.weights = before


def test_a_part_without_weight_does_not_count(ranker: TopicRanker) -> None:
    fused = ranker.fuse({"unknown": np.array([9.0, 0.0, 0.0], dtype=np.float32)})
    assert fused.tolist() == pytest.approx([1 / 3] * 3)
