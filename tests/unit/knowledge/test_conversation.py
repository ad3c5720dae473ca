"""The follow-up gate: a last turn that says little leans on the turn before."""

from __future__ import annotations

import pytest

from knowledge.conversation import LINK, FollowUpGate, join_turns


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
        ("", False),
    ],
)
def test_connectives_at_the_start_are_a_feature(last: str, connective: bool) -> None:
    assert bool(FollowUpGate.features(last, 0.5, 0.5)[2]) is connective


def test_a_connective_inside_a_word_is_none() -> None:
    assert not FollowUpGate.features("danau itu indah", 0.5, 0.5)[2]


@pytest.mark.parametrize("last", ["", "x", "kata " * 5_000])
def test_features_are_bounded(last: str) -> None:
    features = FollowUpGate.features(last, 0.0, 1.0)
    assert features.shape == (5,)
    assert features.max() <= 3.0


def test_a_fitted_gate_tells_follow_ups_from_new_questions() -> None:
    follow_ups = [
        FollowUpGate.features(t, 0.2, 0.9) for t in ("kalau ganja", "terus biayanya", "berapa lama", "itu apa")
    ]
    new = [
        FollowUpGate.features(t, 0.95, 0.5)
        for t in (
            "apa saja hak saya kalau ditangkap polisi di rumah",
            "kapan keluarga boleh jenguk di tempat rehabilitasi",
            "anak saya mencuri uang untuk beli sabu",
            "bagaimana cara daftar rehabilitasi gratis",
        )
    ]
    gate = FollowUpGate()
    gate.fit(follow_ups + new, [True] * 4 + [False] * 4)
    assert gate.share(FollowUpGate.features("kalau tramadol", 0.3, 0.8)) > 0.7
    assert gate.share(FollowUpGate.features("apa gejala putus zat alkohol yang berbahaya", 0.9, 0.5)) < 0.3
