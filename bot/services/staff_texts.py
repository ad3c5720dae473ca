"""Loads what counselors read: one language, flat keys. See `staff_texts.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

import yaml

from bot.errors import ConfigError

STAFF_TEXTS_FILE = Path(__file__).with_name("staff_texts.yaml")


class StaffTexts:
    """Sentences by key."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    def say(self, key: str, **values: object) -> str:
        """Return a text, filled in. Values are inserted as they are."""
        text = self._entries[key]
        return text.format_map(values) if values else text

    def label(self, prefix: str, value: str) -> str:
        """Return the word for a stored value, or the value itself where nobody wrote one."""
        return self._entries.get(f"{prefix}_{value}", value)

    def waited(self, span: timedelta) -> str:
        """Return a span as people say it."""
        minutes = max(int(span.total_seconds() // 60), 0)
        if minutes < 1:
            return self.say("waited_now")
        if minutes < 60:
            return self.say("waited_minutes", minutes=minutes)
        if minutes < 48 * 60:
            return self.say("waited_hours", hours=minutes // 60, minutes=minutes % 60)
        return self.say("waited_days", days=minutes // (24 * 60))

    def keys(self) -> set[str]:
        return set(self._entries)


@cache
def load_staff_texts(path: Path = STAFF_TEXTS_FILE) -> StaffTexts:
    """Read the content file. Raises ConfigError where it can't be read or a text is empty."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as exc:
        raise ConfigError(f"The texts {path} can't be read: {type(exc).__name__}. Restore the file.") from exc
    empty = sorted(key for key, text in raw.items() if not str(text or "").strip())
    if empty:
        raise ConfigError(f"{path}: {', '.join(empty)} is empty")
    return StaffTexts({key: str(text).strip() for key, text in raw.items()})
