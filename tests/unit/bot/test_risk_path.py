"""Typed answers to the safety question: a maybe is a yes, a doubtful no is no answer."""

from __future__ import annotations

import pytest

from bot.services.risk_path import read_answer


@pytest.mark.parametrize(
    "text", ["iya", "Ya", "yaaa", "IYAAA kak", "yes", "mungkin", "kadang sih", "iya kadang", "ya."]
)
def test_yes(text: str) -> None:
    assert read_answer(text) is True


@pytest.mark.parametrize("text", ["tidak", "nggak", "gak kok", "enggaaak", "no", "nggak ya", "tdk kak", "No."])
def test_no(text: str) -> None:
    assert read_answer(text) is False


@pytest.mark.parametrize(
    "text",
    ["nggak kok, cuma nanya", "tidak, saya hanya ingin bertanya", "ga kak penasaran aja", "no, just curious, thanks"],
)
def test_no_with_a_reason_for_asking(text: str) -> None:
    assert read_answer(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nggak cuma itu",
        "nggak tau cuma sedih",
        "nggak, nanya aja mau mati",
        "nggak tahu",
        "kayaknya nggak",
        "ya begitulah hidup",
        "apa maksudnya?",
        "iya aku mau mati sekarang juga",
        "hmm",
    ],
)
def test_no_answer(text: str) -> None:
    assert read_answer(text) is None
