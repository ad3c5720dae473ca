"""Language detection on texts of chat length."""

from __future__ import annotations

import pytest

from knowledge.language import DetectedLanguage, Normalizer, detect_language, is_english_sentence


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("klo rutin mnum riklona trs distop mndadak bhaya ga", "id", id="colloquial"),
        pytest.param("Berapa lama rehabilitasi?", "id", id="formal"),
        pytest.param("aku kudu piye", "id", id="regional-counts-as-indonesian"),
        pytest.param("sakau", "id", id="one-word"),
        pytest.param("what is meth", "en", id="english"),
        pytest.param("my son uses drugs and steals money", "en", id="english-long"),
        pytest.param("saya mau cancel appointment karena my son sakit", "mixed", id="mixed"),
        pytest.param("привет как дела", "neither", id="cyrillic"),
        pytest.param("こんにちは", "neither", id="kana"),
        pytest.param("مرحبا كيف حالك", "neither", id="arabic"),
        pytest.param("", "id", id="empty"),
        pytest.param("😀", "id", id="emoji"),
        pytest.param("123 456", "id", id="numbers"),
    ],
)
def test_detects(normalizer: Normalizer, typed: str, expected: str) -> None:
    assert detect_language(normalizer.normalize(typed)) is DetectedLanguage(expected)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("how long does withdrawal last", True), ("FSG family support group", False), ("berapa lama rehab", False), ("", False)],
)
def test_terms_alone_are_no_english_sentence(normalizer: Normalizer, typed: str, expected: bool) -> None:
    assert is_english_sentence(normalizer.normalize(typed)) is expected
