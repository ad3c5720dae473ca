"""Loads what sees and answers risk: the screen, the reviewed words, the language detector.

Apart from `bot/parts.py`, because scikit-learn and the lexica take seconds to import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bot.parts import Care
from bot.ports import Assessment, Language, Role, Screen
from bot.risk import (
    RiskAssessment,
    RiskLevel,
    RiskScreen,
    crisis_reply,
    grounding_exercise,
    safety_question,
    support_reply,
)
from bot.services.texts import Texts
from knowledge.contact import read_contacts
from knowledge.language import DetectedLanguage, detect_language, is_english_sentence, load_normalizer


class ReviewedWords:
    """The crisis words of `bot/risk`, and the numbers of the contacts file."""

    _SHOWN = ("emergency", "ambulance", "police", "healing119", "sapa", "bnn")

    def __init__(self, texts: Texts, *, counselors: bool) -> None:
        self._texts = texts
        self._counselors = counselors

    def crisis_reply(self, assessment: Assessment, language: Language, role: Role | None) -> str:
        known = RiskAssessment(RiskLevel(assessment.level), assessment.categories)
        return crisis_reply(known, language, role, called=self._counselors)

    def safety_question(self, categories: Sequence[str], language: Language, role: Role | None) -> str:
        return safety_question(language, role, categories)

    def support_reply(self, categories: Sequence[str], language: Language, role: Role | None) -> str | None:
        return support_reply(categories, language, role)

    def grounding_exercise(self, language: Language) -> str:
        return grounding_exercise(language)

    def emergency_numbers(self, language: Language) -> str:
        book = read_contacts()
        shown = [book.get(name) for name in self._SHOWN if name in book]
        lines = [f"{c.number} – {c.name[language.value]}\n{c.purpose[language.value]}" for c in shown]
        return "\n\n".join([self._texts.say("emergency_header", language), *lines])


def make_screen(data_dir: Path) -> Screen:
    """Load the risk screen with what set-up has built in the data folder."""
    return RiskScreen.load(
        data_dir / "risk" / "model.pickle", data_dir / "encoder", own_words=data_dir / "own-risk-words.yaml"
    )


def load_care(texts: Texts, data_dir: Path, *, counselors: bool = True) -> Care:
    """Load the risk screen, the crisis words and the language detector (seconds; call it in a thread).

    Args:
        counselors: Whether there is a counselors' chat; without one no reply says that somebody was called.
    """
    return Care(make_screen(data_dir), ReviewedWords(texts, counselors=counselors), make_language_detector())


def make_language_detector() -> Callable[[str], Language | None]:
    """Return a function that names an utterance's language where at least three words make it sure."""
    normalizer = load_normalizer()

    def detect(text: str) -> Language | None:
        normalized = normalizer.normalize(text[:500])
        if len(normalized.words) < 3:
            return None
        if detect_language(normalized) is DetectedLanguage.INDONESIAN:
            return Language.INDONESIAN
        return Language.ENGLISH if is_english_sentence(normalized) else None

    return detect
