"""The screen takes the higher of its two readers, asks where they leave doubt, and never raises."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.risk import RiskLevel, RiskScreen
from bot.risk.lexicon import read_lexicon
from bot.risk.model import CATEGORIES, Prediction
from bot.risk.screen import Thresholds
from knowledge.language import NormalizedText, load_normalizer

NORMALIZER = load_normalizer()
LEXICON = read_lexicon()
THRESHOLDS = Thresholds(page=0.8, ask=0.4)


class SetEncoder:
    """Encodes nothing: the model beside it looks at the text."""

    model_id = "set"
    dimension = 2

    def encode(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.zeros((len(texts), 2), dtype=np.float32)


class SetModel:
    """Gives a text the danger of the first word it knows."""

    def __init__(self, **danger: float) -> None:
        self.danger = danger

    def predict(self, text: NormalizedText, _vector: object) -> Prediction:
        danger = max((value for word, value in self.danger.items() if word in text.text), default=0.01)
        return Prediction(danger, danger - 0.3, 0.2, np.eye(len(CATEGORIES))[1])


def make_screen(**danger: float) -> RiskScreen:
    return RiskScreen(NORMALIZER, [LEXICON], SetModel(**danger), SetEncoder(), THRESHOLDS)  # type: ignore[arg-type]


def test_sure_expression_pages_though_the_model_sees_nothing() -> None:
    assert make_screen().screen("aku mau gantung diri malam ini, talinya sudah siap").level >= RiskLevel.URGENT


def test_sure_model_pages_though_the_lexicon_knows_no_word() -> None:
    result = make_screen(jembatan=0.9).screen("besok aku ke jembatan itu")
    assert result.level >= RiskLevel.URGENT
    assert any(evidence.source.startswith("model") for evidence in result.evidence)


def test_model_between_its_thresholds_asks() -> None:
    result = make_screen(jembatan=0.5).screen("besok aku ke jembatan itu")
    assert (result.level < RiskLevel.URGENT, result.ask) == (True, True)


def test_model_below_its_thresholds_does_neither() -> None:
    result = make_screen(jembatan=0.1).screen("besok aku ke jembatan itu")
    assert (result.level, result.ask) == (RiskLevel.NONE, False)


def test_model_that_is_sure_of_another_sense_stops_a_doubtful_match_from_asking() -> None:
    text = "ngapain hidup tanpa kopi"
    calm = RiskScreen(NORMALIZER, [LEXICON], SetModel(), SetEncoder(), Thresholds(0.8, 0.4, calm=0.02))  # type: ignore[arg-type]
    doubtful = RiskScreen(NORMALIZER, [LEXICON], SetModel(kopi=0.1), SetEncoder(), Thresholds(0.8, 0.4, calm=0.02))  # type: ignore[arg-type]
    assert not calm.screen(text).ask
    assert doubtful.screen(text).ask
    sure = "aku mau gantung diri malam ini, talinya sudah siap"
    assert calm.screen(sure).level >= RiskLevel.URGENT


def test_emergency_probability_makes_an_emergency() -> None:
    assert make_screen(jembatan=0.95).screen("di jembatan").level is RiskLevel.EMERGENCY


def test_second_worrying_message_pages_instead_of_asking() -> None:
    screen = make_screen(jembatan=0.5)
    assert screen.screen("ke jembatan itu lagi").ask
    result = screen.screen("ke jembatan itu lagi", history=["kemarin aku di jembatan itu"])
    assert (result.level, result.ask) == (RiskLevel.URGENT, False)


def test_harmless_history_leaves_the_question() -> None:
    assert make_screen(jembatan=0.5).screen("ke jembatan itu lagi", history=["halo kak apa kabar hari ini"]).ask


def test_thought_sent_in_fragments_is_read_as_one() -> None:
    screen = make_screen()
    fragments = ["aku", "mau", "bunuh", "diri", "malam ini"]
    assert screen.screen(fragments[-1], history=fragments[:-1]).level >= RiskLevel.URGENT


def test_questions_are_no_fragments_of_one_thought() -> None:
    screen = make_screen(tangannya=0.3)
    assert not screen.screen("terus tangannya?", history=["cara bunuh nyamuk?", "diri sendiri"]).ask
    assert screen.screen("malam ini", history=["mau kemana?", "aku", "mau", "bunuh", "diri"]).level >= RiskLevel.URGENT


def test_one_clause_in_a_long_story_is_heard() -> None:
    story = "hari ini hujan dan kami makan siang bersama keluarga besar di rumah nenek " * 12
    assert make_screen(jembatan=0.97).screen(f"{story} nanti aku ke jembatan {story}").level >= RiskLevel.URGENT


@pytest.mark.parametrize(
    "text", ["dulu cuma sedih, sekarang mulai pengen mati", "tahun lalu biasa saja, belakangan aku mau bunuh diri aja"]
)
def test_what_begins_after_the_past_is_not_over(text: str) -> None:
    result = make_screen().screen(text)
    assert result.level >= RiskLevel.URGENT or result.ask


def test_what_is_over_stays_over() -> None:
    assert make_screen().screen("dulu pernah mau bunuh diri, sekarang sudah baik").level is RiskLevel.SUPPORT


def test_denied_intent_is_support_and_never_none() -> None:
    assert make_screen().screen("aku tidak mau bunuh diri kok cuma capek").level is RiskLevel.SUPPORT


def test_missing_model_leaves_lexicon_and_questions(tmp_path: Path) -> None:
    screen = RiskScreen.load(tmp_path / "none.pickle", tmp_path / "none")
    assert screen.is_degraded
    assert screen.screen("aku mau gantung diri malam ini").level >= RiskLevel.URGENT
    unsure = screen.screen("capek hidup rasanya")
    assert unsure.ask or unsure.level >= RiskLevel.URGENT


def test_corrupt_model_leaves_lexicon(tmp_path: Path) -> None:
    broken = tmp_path / "model.pickle"
    broken.write_bytes(b"not a model")
    assert RiskScreen.load(broken, tmp_path).is_degraded


def test_error_inside_the_screen_counts_as_urgent() -> None:
    class Broken(SetModel):
        def predict(self, text: NormalizedText, _vector: object) -> Prediction:
            raise RuntimeError("broken")

    screen = RiskScreen(NORMALIZER, [LEXICON], Broken(), SetEncoder(), THRESHOLDS)  # type: ignore[arg-type]
    assert screen.screen("halo kak").level is RiskLevel.URGENT


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "\ud800\udfff\ud800", "\u200b\u200f", "\x00\x01", "1234", "؟؟؟"])
def test_text_without_words_is_no_risk(text: str) -> None:
    assert make_screen().screen(text).level is RiskLevel.NONE


@pytest.mark.parametrize(
    "text",
    [
        "b\u200bu\u200bn\u200bu\u200bh d\u200bi\u200br\u200bi mau aku",
        "аku mаu bunuh diri",
        "AKU MAUUUU BUNUHHHH DIRIIII",
        "ak mw bund1r",
    ],
)
def test_disguised_words_are_read(text: str) -> None:
    result = make_screen().screen(text)
    assert result.level >= RiskLevel.URGENT or result.ask


def test_hundred_kilobytes_are_screened() -> None:
    noise = "".join(random.Random(1).choices(string.ascii_lowercase + " ", k=50_000))
    assert make_screen().screen(f"{noise} {noise} aku mau gantung diri malam ini").level >= RiskLevel.URGENT


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_is_screened_without_an_error(text: str) -> None:
    result = SHARED.screen(text)
    assert not any("failed" in evidence.source for evidence in result.evidence)


@given(st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_model_never_lowers_what_the_lexicon_is_sure_of(danger: float) -> None:
    text = "aku mau gantung diri malam ini"
    alone = make_screen().without_model().screen(text).level
    assert make_screen(gantung=danger).screen(text).level >= alone >= RiskLevel.URGENT


SHARED = make_screen()
