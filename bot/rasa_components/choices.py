"""Reads the allow-list of button choices."""

from __future__ import annotations

import re
from pathlib import Path
from re import Pattern

import yaml

CHOICES_FILE = Path(__file__).with_name("choices.yaml")


class Choices:
    """Maps a trusted button choice to an intent."""

    def __init__(self, exact: dict[str, str], patterns: list[tuple[Pattern[str], str]], unknown: str) -> None:
        self._exact = exact
        self._patterns = patterns
        self._unknown = unknown

    def intent_of(self, choice: str) -> str:
        """Return the intent of a choice; that of the menu for one that is not on the list."""
        if choice in self._exact:
            return self._exact[choice]
        for pattern, intent in self._patterns:
            if pattern.fullmatch(choice):
                return intent
        return self._unknown


def read_choices(path: Path = CHOICES_FILE) -> Choices:
    """Read choices.yaml. YAML reads bare yes and no as booleans; they are turned back."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = {True: "yes", False: "no"}
    exact = {names.get(name, name): intent for name, intent in content["choices"].items()}
    patterns = [(re.compile(pattern), intent) for pattern, intent in content["patterns"].items()]
    return Choices(exact, patterns, content["unknown"])
