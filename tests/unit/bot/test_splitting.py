"""Long texts are split where a reader would pause."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.services.splitting import split_text, utf16_length


def test_short_text_is_one_part() -> None:
    assert split_text("halo") == ["halo"]


def test_blank_text_is_no_part() -> None:
    assert split_text(" \n ") == []


def test_paragraph_end_is_preferred() -> None:
    text = "Satu kalimat. Dua kalimat.\n\nParagraf kedua yang agak panjang."
    assert split_text(text, 45) == ["Satu kalimat. Dua kalimat.", "Paragraf kedua yang agak panjang."]


def test_sentence_end_comes_before_word_end() -> None:
    assert split_text("Kalimat pertama di sini. Kalimat kedua", 30) == ["Kalimat pertama di sini.", "Kalimat kedua"]


def test_word_without_end_is_cut() -> None:
    assert split_text("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


def test_emoji_count_twice() -> None:
    assert [utf16_length(part) for part in split_text("🌱" * 10, 8)] == [8, 8, 4]


@given(st.text(max_size=400), st.integers(4, 60))
def test_every_part_fits_and_no_word_is_lost(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < utf16_length(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
