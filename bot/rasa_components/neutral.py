"""Makes sure that nothing a person types is taken for a Rasa payload. Used by the client and, again, by the channel.

Rasa reads a text that begins with "/" as `/intent{"entity": "value"}`, which would let anybody set slots, and marks
its own external events with "EXTERNAL: ".
"""

from __future__ import annotations

import re

_MARKS = re.compile(r"^(?:[\s/\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff]+|EXTERNAL\s*:)", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
LIMIT = 4_000


def neutralise(text: str) -> str:
    """Return the text without leading payload marks; "" when nothing else was in it."""
    text = _SURROGATE.sub("\ufffd", text.replace("\x00", ""))
    previous = None
    while previous != text:
        previous, text = text, _MARKS.sub("", text)
    return text.strip()[:LIMIT]
