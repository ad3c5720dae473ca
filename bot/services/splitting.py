"""Splits long texts at paragraph, sentence or word ends, so that each part fits one Telegram message."""

from __future__ import annotations

import re

TELEGRAM_LIMIT = 4096
"""Longest text of one message. Source: Bot API, sendMessage (after entities parsing; counted in UTF-16 units)."""

_ENDS = (re.compile(r"\n\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])[\"'”’)]*\s"), re.compile(r"\s"))


def utf16_length(text: str) -> int:
    """Return the length as Telegram counts it: emoji count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


def split_text(text: str, limit: int = TELEGRAM_LIMIT) -> list[str]:
    """Return the text in parts of at most `limit` UTF-16 units, none of them blank. A blank text gives no part."""
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if utf16_length(rest) <= limit:
            parts.append(rest)
            break
        window = _head(rest, limit)
        cut = len(window)
        for pattern in _ENDS:
            # An end in the first third would leave a crumb and a wall; try the next kind of end instead.
            ends = [match.end() for match in pattern.finditer(window) if match.end() > len(window) // 3]
            if ends:
                cut = ends[-1]
                break
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in parts if part]


def _head(text: str, limit: int) -> str:
    units = 0
    for index, char in enumerate(text):
        units += 2 if char > "\uffff" else 1
        if units > limit:
            return text[:index]
    return text
