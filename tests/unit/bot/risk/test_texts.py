"""The words for a crisis: one screen, at least two numbers, what to do now, in both languages and for both roles."""

from __future__ import annotations

import re

import pytest

from bot.risk import (
    Category,
    RiskAssessment,
    RiskLevel,
    crisis_reply,
    grounding_exercise,
    safety_question,
    support_reply,
)
from bot.risk.texts import MAX_CHARACTERS
from knowledge.contact import read_contacts

EVERY = [(c.value, lang, role) for c in Category for lang in ("id", "en") for role in ("resident", "family", None)]


@pytest.mark.parametrize(("category", "language", "role"), EVERY)
def test_crisis_reply_fits_one_screen_and_names_two_numbers(category: str, language: str, role: str | None) -> None:
    text = crisis_reply(RiskAssessment(RiskLevel.EMERGENCY, (category,)), language, role)
    numbers = {contact.number for contact in read_contacts() if contact.confirmed and contact.number in text}
    assert len(text) <= MAX_CHARACTERS
    assert len(numbers) >= 2
    assert "{" not in text


def test_crisis_reply_says_only_numbers_of_the_contacts_file() -> None:
    known = {contact.number for contact in read_contacts() if contact.confirmed}
    for category, language, role in EVERY:
        text = crisis_reply(RiskAssessment(RiskLevel.URGENT, (category,)), language, role)
        for number in re.findall(r"\b(?:1\d\d|08[\d-]{8,})\b", text.replace("healing119", "")):
            assert number in known


def test_nobody_is_said_to_be_called_where_there_are_no_counselors() -> None:
    assessment = RiskAssessment(RiskLevel.EMERGENCY, ("suicide",))
    assert "sudah dipanggil" in crisis_reply(assessment, "id", None)
    assert "sudah dipanggil" not in crisis_reply(assessment, "id", None, called=False)


def test_overdose_words_win_over_relapse_words() -> None:
    both = crisis_reply(RiskAssessment(RiskLevel.EMERGENCY, ("relapse", "overdose")), "id", "resident")
    assert both == crisis_reply(RiskAssessment(RiskLevel.EMERGENCY, ("overdose",)), "id", "resident")


def test_family_reads_other_words_than_the_resident() -> None:
    assessment = RiskAssessment(RiskLevel.EMERGENCY, ("suicide",))
    assert crisis_reply(assessment, "id", "family") != crisis_reply(assessment, "id", "resident")


def test_assessment_without_category_gets_distress_words() -> None:
    empty = crisis_reply(RiskAssessment(RiskLevel.URGENT), "en", None)
    assert empty == crisis_reply(RiskAssessment(RiskLevel.URGENT, ("distress",)), "en", None)


@pytest.mark.parametrize("category", ["", *Category])
@pytest.mark.parametrize("language", ["id", "en"])
def test_safety_question_asks_directly_whatever_it_is_about(language: str, category: str) -> None:
    for role in ("resident", "family"):
        asked = safety_question(language, role, (category,) if category else ())
        assert ("mengakhiri hidup" in asked) or re.search(r"ending (your|their) life", asked)
        assert "?" in asked
        assert len(asked) <= 500
    assert safety_question(language, "family") != safety_question(language)


def test_safety_question_names_the_signs_of_what_it_is_about() -> None:
    assert "kejang" in safety_question("id", None, ("withdrawal",))
    assert "pergi" in safety_question("id", None, ("runaway", "suicide"))


def test_support_reply_is_given_for_a_category_and_not_without_one() -> None:
    assert support_reply(("relapse",), "id")
    assert support_reply(("violence",), "en") == support_reply(("psychosis",), "en")
    assert support_reply((), "id") is None


def test_grounding_exercise_counts_down_the_senses() -> None:
    assert all(word in grounding_exercise("id") for word in ("5 benda", "4 hal", "3 suara", "2 bau", "1 rasa"))
