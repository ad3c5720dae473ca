"""Any text becomes safe without its words being changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.cleaning import DIALOGUE_LIMIT, clean_text, cut_middle, text_for_dialogue


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("halo", "halo"),
        ("  dua\r\nbaris\r ", "dua\nbaris"),
        ("nul\x00nul", "nulnul"),
        ("\ud83d", "\ufffd"),
        ("\u202egnp\u202c", "gnp"),
        ("tab\tok", "tab\tok"),
        ("👩‍👧 keluarga", "👩‍👧 keluarga"),
        ("", ""),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    "raw",
    ["/ask_topic", '/ask{"a":1}', "  //restart", "/ /x", "\u200b/x", "EXTERNAL: x", "external:/EXTERNAL:/x", "\n/x"],
)
def test_payload_syntax_never_reaches_the_model(raw: str) -> None:
    heard = text_for_dialogue(clean_text(raw))
    assert not heard.lstrip().startswith("/")
    assert not heard.upper().startswith("EXTERNAL:")


def test_slash_inside_a_text_stays() -> None:
    assert text_for_dialogue("ganja dan/atau sabu?") == "ganja dan/atau sabu?"


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_cleaned_text_can_be_stored(raw: str) -> None:
    text = clean_text(raw)
    text.encode("utf-8")
    assert "\x00" not in text
    assert len(text_for_dialogue(text)) <= DIALOGUE_LIMIT
    assert not text_for_dialogue(text).startswith("/")


def test_cut_keeps_head_and_tail() -> None:
    cut = cut_middle("a" * 5000 + "mau mati", 1000)
    assert len(cut) == 1000
    assert cut.startswith("aaa")
    assert cut.endswith("mau mati")
