"""One place that makes any text safe to store, to screen and to hand to the dialogue model."""

from __future__ import annotations

import re

SCREEN_LIMIT = 20_000
"""Characters the risk screen reads of one utterance: the head and the tail, where people say what they mean."""

DIALOGUE_LIMIT = 4_000
"""Characters the dialogue model reads."""

_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters; PostgreSQL refuses NUL
    "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"  # direction marks: they can show a text other than it is
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAYLOAD_MARKS = re.compile(r"^[\s/\u200b-\u200d\u2060]+|^\s*EXTERNAL:\s*", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Return the text without what a database or a terminal stumbles over. Words stay as they were typed."""
    text = _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _UNWANTED.sub("", text).strip()


def cut_middle(text: str, limit: int) -> str:
    """Return at most `limit` characters: head and tail, the middle left out."""
    if len(text) <= limit:
        return text
    head = (limit - 3) * 2 // 3
    return f"{text[:head]} … {text[len(text) - (limit - 3 - head) :]}"


def text_for_screen(text: str) -> str:
    """Return what the risk screen reads."""
    return cut_middle(text, SCREEN_LIMIT)


def text_for_dialogue(text: str) -> str:
    """Return what the dialogue model reads: shortened, and nothing that Rasa takes for an intent payload.

    Rasa reads a text beginning with "/" as `/intent{"entity": …}`, which would let a person set slots.
    """
    previous = None
    while previous != text:
        previous, text = text, _PAYLOAD_MARKS.sub("", text)
    return cut_middle(text, DIALOGUE_LIMIT).strip()
