"""Loads the sentences people read from content files, and checks that both languages say the same thing."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from bot.errors import ConfigError
from bot.ports import Language

TEXTS_FILE = Path(__file__).with_name("texts.yaml")


class Texts:
    """Sentences by key and language.

    Args:
        entries: key → language → text, with `{names}` to fill in.
    """

    def __init__(self, entries: Mapping[str, Mapping[Language, str]]) -> None:
        self._entries = entries

    def say(self, key: str, language: Language, **values: object) -> str:
        """Return a text, filled in. Values are inserted as they are: a name may hold any character."""
        text = self._entries[key][language]
        return text.format_map(values) if values else text

    def keys(self) -> set[str]:
        return set(self._entries)


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@cache
def load_texts(path: Path = TEXTS_FILE) -> Texts:
    """Read a content file.

    Raises:
        ConfigError: A key lacks a language, or its two texts have different placeholders.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as exc:
        raise ConfigError(f"The texts {path} can't be read: {type(exc).__name__}. Restore the file.") from exc
    entries: dict[str, dict[Language, str]] = {}
    for key, pair in raw.items():
        missing = [language.value for language in Language if not str((pair or {}).get(language.value, "")).strip()]
        if missing:
            raise ConfigError(f"{path}: {key} has no text in {', '.join(missing)}")
        entries[key] = {language: str(pair[language.value]).strip() for language in Language}
        if len({frozenset(placeholders(text)) for text in entries[key].values()}) > 1:
            raise ConfigError(f"{path}: {key} has different {{placeholders}} in its languages")
    return Texts(entries)
