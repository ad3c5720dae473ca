"""The words for a crisis, beside the screen, so that they work when all else is down. Content: crisis_texts.yaml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.risk.assessment import Category, RiskAssessment
from knowledge.contact import read_contacts

TEXTS_FILE = Path(__file__).with_name("crisis_texts.yaml")
#: One screen of a phone. Source: the product's rule for crisis replies.
MAX_CHARACTERS = 500


@lru_cache(maxsize=1)
def _texts() -> dict[str, Any]:
    contacts = read_contacts()
    raw = TEXTS_FILE.read_text(encoding="utf-8")
    filled = re.sub(r"\{contact\.([a-z0-9_]+)\}", lambda match: contacts.number(match[1]), raw)
    texts: dict[str, Any] = yaml.safe_load(filled)
    return texts


def crisis_reply(assessment: RiskAssessment, language: str, role: str | None, *, called: bool = True) -> str:
    """Return what to do now and at least two numbers, at most 500 characters; and that a counselor was called, if so."""
    texts = _texts()
    found = [category.value for category in Category if category.value in assessment.categories]
    about = "other" if role == "family" else "self"
    text: str = texts["crisis"][(found or [Category.DISTRESS.value])[0]][language][about]
    return f"{text} {texts['called'][language]}" if called else text


def safety_question(language: str, role: str | None = None, categories: Sequence[str] = ()) -> str:
    """Return the direct question that is put when the screen is unsure, by what it may be about."""
    texts = _texts()
    about = texts["asked_about"].get(categories[0], "life") if categories else "life"
    text: str = texts["safety_question"][about][language]["other" if role == "family" else "self"]
    return text


def support_reply(categories: Sequence[str], language: str, role: str | None = None) -> str | None:
    """Return one warm line with a coping step for level SUPPORT; None without a category."""
    if not categories:
        return None
    support = _texts()["support"]
    text: str = support.get(categories[0], support["default"])[language]
    return text


def grounding_exercise(language: str) -> str:
    """Return the grounding exercise that a crisis reply offers in one tap."""
    text: str = _texts()["grounding"][language]
    return text
