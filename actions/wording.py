"""Small judgements about words, from the lists in steps.yaml: is it a question, a stop, a wish, a number, a refusal?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STEPS_FILE = Path(__file__).with_name("steps.yaml")
_WORD = re.compile(r"[\w'-]+")
_NUMBER = re.compile(r"(?<![\d.,/])(\d{1,2})(?:[.,](\d))?(?!\d)(?:\s*(?:/|dari|out of|of)\s*10\b)?")


@dataclass(frozen=True, slots=True)
class Wording:
    """Forms with their steps, and the word lists.

    Attributes:
        forms: Form -> step (slot) -> what fills it: number, text, speech or any.
    """

    forms: Mapping[str, Mapping[str, str]]
    stop_words: frozenset[str]
    filler_words: frozenset[str]
    question_words: tuple[str, ...]
    wish_words: frozenset[str]
    wish_intents: frozenset[str]
    numbers: Mapping[str, int]
    refusal_words: frozenset[str]

    def is_question(self, text: str) -> bool:
        """Return whether it ends with a question mark or begins with a question word."""
        low = text.lower().strip()
        if low.endswith("?"):
            return True
        return any(low == word or low.startswith(f"{word} ") for word in self.question_words)

    def is_stop(self, text: str) -> bool:
        """Return whether it only says that it is enough. "aku berhenti kerja" says more."""
        words = [word for word in words_of(text) if word not in self.filler_words]
        return " ".join(words) in self.stop_words or " ".join(words_of(text)) in self.stop_words

    def is_wish(self, text: str) -> bool:
        return not self.wish_words.isdisjoint(words_of(text))

    def is_refusal(self, text: str) -> bool:
        return not self.refusal_words.isdisjoint(words_of(text))

    def number(self, text: str) -> float | None:
        """Return the number from 0 to 10 that is meant; None when there is none. The last of several counts."""
        found = [float(f"{m[1]}.{m[2] or 0}") for m in _NUMBER.finditer(text.lower())]
        found = found or [float(self.numbers[word]) for word in words_of(text) if word in self.numbers]
        return found[-1] if found and 0 <= found[-1] <= 10 else None


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def read_wording(path: Path = STEPS_FILE) -> Wording:
    """Read the word lists. YAML reads a bare no as a boolean; it is turned back."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))

    def words(key: str) -> list[str]:
        return ["no" if word is False else str(word) for word in content[key]]

    return Wording(
        forms=content["forms"],
        stop_words=frozenset(words("stop_words")),
        filler_words=frozenset(words("filler_words")),
        question_words=tuple(words("question_words")),
        wish_words=frozenset(words("wish_words")),
        wish_intents=frozenset(words("wish_intents")),
        numbers=content["numbers"],
        refusal_words=frozenset(words("refusal_words")),
    )
