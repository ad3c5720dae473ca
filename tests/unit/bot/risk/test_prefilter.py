"""The prefilter leaves out only expressions that can't match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.lexicon import LEXICON_FILE, read_lexicon
from bot.risk.prefilter import Prefilter
from knowledge.dataset import Part, read_risk_messages
from knowledge.language import load_normalizer
from knowledge.settings import ROOT

EXPRESSIONS = [re.compile(e) for e in (r"\bmau mati\b", r"\bmati(?! lampu)\b", r"(aku|gue) \w+ (mati|pergi)", r"pamit.{0,20}selamanya")]


def test_only_possible_expressions_are_candidates() -> None:
    assert list(Prefilter(EXPRESSIONS).candidates("aku mau mati")) == [0, 1, 2]


def test_what_re2_cannot_read_is_always_a_candidate() -> None:
    assert list(Prefilter(EXPRESSIONS).candidates("halo")) == [1]


@pytest.mark.parametrize("sign", ["😭", "…", "“", "—", "\N{NO-BREAK SPACE}"])
def test_signs_beyond_ascii_separate_words(sign: str) -> None:
    assert 0 in Prefilter(EXPRESSIONS).candidates(f"{sign}mau mati{sign}")


def test_letters_beyond_ascii_make_everything_a_candidate() -> None:
    assert list(Prefilter(EXPRESSIONS).candidates("aku méu pergi")) == [0, 1, 2, 3]


def test_no_expressions_no_candidates() -> None:
    assert list(Prefilter([]).candidates("mau mati")) == []


@given(st.lists(st.sampled_from(["aku", "gue", "mau", "mati", "pergi", "lampu", "pamit", "é", "😭", ".", "selamanya"])))
def test_every_match_is_a_candidate(words: list[str]) -> None:
    text = " ".join(words)
    matching = {n for n, expression in enumerate(EXPRESSIONS) if expression.search(text)}
    assert matching <= set(Prefilter(EXPRESSIONS).candidates(text))


def test_no_match_of_the_lexicon_is_lost_on_the_training_messages() -> None:
    lexicon, normalizer = read_lexicon(LEXICON_FILE), load_normalizer()
    expressions = [pattern.expression for pattern in lexicon._patterns]
    prefilter = Prefilter(expressions)
    for message in read_risk_messages(ROOT / "training_data" / "risk", Part.TRAIN)[::7]:
        text = normalizer.normalize(message.text).text
        matching = {n for n, expression in enumerate(expressions) if expression.search(text)}
        assert matching <= set(prefilter.candidates(text))
