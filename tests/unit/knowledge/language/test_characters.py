"""Character repair: what hides a word from the eye is undone, and nothing readable is lost."""

from __future__ import annotations

import pytest

from knowledge.language.characters import clean_text, plain_characters


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("  halo  ", "halo", id="trimmed"),
        pytest.param("a\udc00b", "ab", id="lone-surrogate-inside"),
        pytest.param("\ud83d", "", id="lone-surrogate-alone"),
        pytest.param("ma\u200bti", "mati", id="zero-width-space"),
        pytest.param("\u202eitam\u202c", "itam", id="direction-override"),
        pytest.param("ma\u00adti", "mati", id="soft-hyphen"),
        pytest.param("\ufeffhalo", "halo", id="byte-order-mark"),
        pytest.param("a\x00b\x07c", "a b c", id="controls-become-blanks"),
        pytest.param("baris satu\nbaris dua", "baris satu\nbaris dua", id="line-break-kept"),
        pytest.param("cafe\u0301", "café", id="composed"),
        pytest.param("👍🏽", "👍", id="skin-tone-dropped"),
    ],
)
def test_clean_text_keeps_what_can_be_stored(typed: str, expected: str) -> None:
    assert clean_text(typed) == expected


@pytest.mark.parametrize("typed", ["halo 😀", "𝓼𝓪𝓫𝓾", "\ud800\udfff", "a\U000e0041b", "\x00\x01", "ﷺ"])
def test_clean_text_can_be_stored_as_utf8(typed: str) -> None:
    clean_text(typed).encode("utf-8")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("CAPEK", "capek", id="lower-case"),
        pytest.param("capeeeek bangettt", "capek banget", id="stretched"),
        pytest.param("maaf saat", "maaf saat", id="double-letters-kept"),
        pytest.param("m a t i", "mati", id="spaced"),
        pytest.param("m.a.t.i", "mati", id="dotted"),
        pytest.param("m-a-t-i aja", "mati aja", id="hyphenated"),
        pytest.param("m a u  m a t i", "mau mati", id="two-blanks-part-words"),
        pytest.param("a b c", "a b c", id="three-letters-are-a-list"),
        pytest.param("b*nuh diri", "bnuh diri", id="star-inside"),
        pytest.param("s_a_b_u", "sabu", id="underscores"),
        pytest.param("sаbu", "sabu", id="cyrillic-a"),
        pytest.param("ѕаbu", "sabu", id="two-cyrillic-letters"),
        pytest.param("ｓａｂｕ", "sabu", id="full-width"),
        pytest.param("𝓼𝓪𝓫𝓾", "sabu", id="mathematical-letters"),
        pytest.param("tolong!!!!!", "tolong!!", id="signs-shortened"),
        pytest.param("привет мир", "привет мир", id="really-cyrillic-kept"),
        pytest.param("①②", "12", id="circled-digits"),
    ],
)
def test_plain_characters_shows_the_word_meant(typed: str, expected: str) -> None:
    assert plain_characters(typed) == expected


def test_ten_thousand_equal_letters_become_one() -> None:
    assert plain_characters("a" * 10_000) == "a"


def test_many_spaced_letters_take_no_long_time() -> None:
    assert plain_characters("a " * 5_000 + "!") is not None


@pytest.mark.parametrize("typed", ["sabu", "aku mau pulang", "tolong!!", "12 jam", "привет"])
def test_a_second_pass_changes_nothing(typed: str) -> None:
    once = plain_characters(typed)
    assert plain_characters(once) == once
