"""Normalisation reads colloquial spelling without changing what was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from knowledge.errors import ContentError
from knowledge.language import Normalizer
from knowledge.language.normalize import SLANG_FILE, read_slang


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("anjiiing capeeeek bangettt", "anjing capek banget", id="elongation"),
        pytest.param("m a t i aja", "mati saja", id="spaced-letters"),
        pytest.param("b u n u h d i r i", "bunuh diri", id="spaced-letters-two-words"),
        pytest.param("s4bu", "sabu", id="leet"),
        pytest.param("p3ng3n m4t1", "pengen mati", id="leet-two-words"),
        pytest.param("sаbu", "sabu", id="homoglyph"),
        pytest.param("s\u200bab\u200bu", "sabu", id="zero-width"),
        pytest.param("anak2", "anak anak", id="repetition-digit"),
        pytest.param("anak2nya", "anak anaknya", id="repetition-digit-clitic"),
        pytest.param("temen2 gue", "teman teman saya", id="repetition-of-slang"),
        pytest.param("mndadak", "mendadak", id="dropped-vowels"),
        pytest.param("brhenti", "berhenti", id="dropped-vowel"),
        pytest.param("rehabilitasiii", "rehabilitasi", id="stretched-end"),
        pytest.param("rehabiltasi", "rehabilitasi", id="lost-letter"),
        pytest.param("tdk", "tidak", id="abbreviation"),
        pytest.param("covid19", "covid 19", id="word-and-number-parted"),
        pytest.param("5 hari", "5 hari", id="number-kept"),
        pytest.param("119", "119", id="phone-number-kept"),
        pytest.param("what is meth", "what is meth", id="english-kept"),
        pytest.param("Sakau, ya?", "sakau, ya?", id="punctuation-kept"),
    ],
)
def test_reads_what_is_meant(normalizer: Normalizer, typed: str, expected: str) -> None:
    assert normalizer.normalize(typed).text == expected


def test_keeps_the_original_beside_the_reading(normalizer: Normalizer) -> None:
    read = normalizer.normalize("  Klo SAKAU brp lama??  ")
    assert read.original == "Klo SAKAU brp lama??"
    assert read.words == ("kalau", "sakau", "berapa", "lama")


def test_stems_stand_beside_the_words(normalizer: Normalizer) -> None:
    read = normalizer.normalize("pengobatan memakai")
    assert len(read.stems) == len(read.words) == 2
    assert read.stems[0] == "obat"


@pytest.mark.parametrize(
    "word", ["mendadak", "berhenti", "keluarga", "dijemput", "rumah", "withdrawal", "metadon", "nalokson", "counselor"]
)
def test_a_known_word_is_never_changed(normalizer: Normalizer, word: str) -> None:
    assert normalizer.knows(word)
    assert normalizer.normalize(word).text == word


@pytest.mark.parametrize("typed", ["", "   ", "\ud83d", "\u200b\u200d", "\x00"])
def test_nothing_readable_gives_empty_text_and_words(normalizer: Normalizer, typed: str) -> None:
    read = normalizer.normalize(typed)
    assert (read.text, read.words, read.stems) == ("", (), ())


def test_emoji_stay_in_the_text_but_are_no_words(normalizer: Normalizer) -> None:
    read = normalizer.normalize("😀")
    assert (read.text, read.words) == ("😀", ())


def test_lone_surrogates_are_dropped(normalizer: Normalizer) -> None:
    assert normalizer.normalize("sa\udc00kau").text == "sakau"


@pytest.mark.parametrize(
    "typed", ["x" * 10_000, "mati " * 2_000, "qwrtp " * 1_666, "😀" * 10_000, "a1" * 5_000, "m " * 5_000]
)
def test_ten_thousand_characters_are_read(normalizer: Normalizer, typed: str) -> None:
    assert normalizer.normalize(typed).original == typed.strip()


def test_repairs_stop_at_a_limit(normalizer: Normalizer) -> None:
    words = [f"zzqx{chr(97 + i % 26)}{chr(97 + i // 26)}vvk" for i in range(600)]
    assert len(normalizer.normalize(" ".join(words)).words) >= 600


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=200))
def test_any_text_is_read_without_error(normalizer: Normalizer, typed: str) -> None:
    read = normalizer.normalize(typed)
    assert len(read.words) == len(read.stems)


def test_a_lexicon_of_its_own_decides(normalizer: Normalizer) -> None:
    own = Normalizer({"gw": "saya", "abis itu": "habis itu"}, ["naltrekson"])
    assert own.normalize("gw abis itu").text == "saya habis itu"
    assert own.knows("naltrekson")


def test_the_lexicon_is_large_and_reads_without_error() -> None:
    assert len(read_slang(SLANG_FILE)) >= 1_500


def test_lexicon_skips_comments_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "slang.tsv"
    path.write_text("# comment\n\nGw\tsaya\tslang\n", encoding="utf-8")
    assert read_slang(path) == {"gw": "saya"}


@pytest.mark.parametrize("line", ["gw saya slang", "gw\tsaya", "gw\t\tslang", "a\tb\tc\td"])
def test_lexicon_line_without_three_fields_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "slang.tsv"
    path.write_text(f"yg\tyang\tabbreviation\n{line}\n", encoding="utf-8")
    with pytest.raises(ContentError, match=r"slang\.tsv:2: expected form, standard wording and kind"):
        read_slang(path)


def test_lexicon_form_with_two_meanings_is_named(tmp_path: Path) -> None:
    path = tmp_path / "slang.tsv"
    path.write_text("bt\tbosan\tslang\nbt\tbuat\tabbreviation\n", encoding="utf-8")
    with pytest.raises(ContentError, match=r"slang\.tsv:2: 'bt' already means 'bosan': keep one meaning"):
        read_slang(path)


def test_lexicon_form_twice_with_one_meaning_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "slang.tsv"
    path.write_text("bt\tbosan\tslang\nBT\tbosan\tslang\n", encoding="utf-8")
    assert read_slang(path) == {"bt": "bosan"}
