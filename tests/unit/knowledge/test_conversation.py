"""The follow-up gate: a last turn that says little leans on the turn before."""

from __future__ import annotations

import pytest

from knowledge.conversation import LINK, FollowUpGate, join_turns
from knowledge.language import NormalizedText, load_normalizer

FOLLOW_UPS = ("kalau ganja", "terus biayanya", "berapa lama", "itu apa", "kok bisa", "syaratnya apa", "terus gimana")
NEW = (
    "apa saja hak saya kalau ditangkap polisi di rumah",
    "kapan keluarga boleh jenguk di tempat rehabilitasi",
    "anak saya mencuri uang untuk beli sabu",
    "bagaimana cara daftar rehabilitasi gratis",
    "suami saya kambuh lagi dan tidak mau bicara",
    "gejala putus zat alkohol yang berbahaya",
    "teman sekamar mengajak pakai lagi",
)


def read(text: str) -> NormalizedText:
    return load_normalizer().normalize(text)


@pytest.fixture(scope="module")
def gate() -> FollowUpGate:
    """A gate that has heard a few follow-ups and new questions."""
    made = FollowUpGate()
    made.fit_words([read(text) for text in FOLLOW_UPS + NEW], [True] * len(FOLLOW_UPS) + [False] * len(NEW))
    made.fit([read(text) for text in FOLLOW_UPS + NEW], [True] * len(FOLLOW_UPS) + [False] * len(NEW))
    return made


def test_the_last_turn_stands_first_and_a_long_previous_one_is_cut() -> None:
    assert join_turns("sakau sabu berapa lama", "kalau ganja?") == f"kalau ganja?{LINK}sakau sabu berapa lama"
    assert len(join_turns("x" * 1_000, "a")) == 1 + len(LINK) + 160


@pytest.mark.parametrize(
    ("last", "connective"),
    [
        ("kalau ganja?", True),
        ("terus biayanya", True),
        ("what about weed", True),
        ("berapa lama sakau sabu", False),
        ("danau itu indah", False),
        ("", False),
    ],
)
def test_connectives_at_the_start_are_a_feature(gate: FollowUpGate, last: str, connective: bool) -> None:
    assert bool(gate.features(read(last))[2]) is connective


@pytest.mark.parametrize("last", ["", "x", "kata " * 5_000])
def test_features_are_bounded(gate: FollowUpGate, last: str) -> None:
    features = gate.features(read(last))
    assert features.shape == (4,)
    assert abs(features).max() <= 5.0


def test_a_fitted_gate_tells_follow_ups_from_new_questions(gate: FollowUpGate) -> None:
    assert gate.share(read("kalau tramadol")) > 0.7
    assert gate.share(read("apa gejala putus zat alkohol yang berbahaya")) < 0.3
