"""Character-level repair: what hides a word from a reader's eye is undone here, before any word is looked at.

Covers lone surrogates, zero-width and directional marks, homoglyphs, spaced-out letters, repeated letters and emoji.
"""

from __future__ import annotations

import re
import unicodedata

#: Cyrillic and Greek letters that look Latin, as used to slip past word filters.
_HOMOGLYPHS = str.maketrans(
    "аеіорсухѕјһԁɡαοερικντυхА ЕІОРСУХВМНТКΑΒΕΖΗΙΚΜΝΟΡΤΥΧ".replace(" ", ""),
    "aeiopcyxsjhdgaoepikvtuxAEIOPCYXBMHTKABEZHIKMNOPTYX",
)
_MARKS = re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
                    r"\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff\U0001f3fb-\U0001f3ff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_REPEATED_SIGN = re.compile(r"([^\w\s])\1{2,}")
_SPACED_LETTERS = re.compile(r"(?<!\S)(?:[^\W\d_][ .\-_*]+){3,}[^\W\d_](?!\S)")
_INNER_SEPARATORS = re.compile(r"(?<=[^\W\d_])[*_·•](?=[^\W\d_])")


def clean_text(text: str) -> str:
    """Return text that can be stored and sent: no lone surrogates, controls, or invisible marks; trimmed."""
    text = text.encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", text)
    return _CONTROL.sub(" ", _MARKS.sub("", text)).strip()


def plain_characters(text: str) -> str:
    """Return clean text with look-alike letters, stretched letters and spaced-out words undone, in lower case."""
    text = unicodedata.normalize("NFKC", clean_text(text)).casefold()
    text = "".join(_latin(word) for word in re.split(r"(\s+)", text))
    text = _INNER_SEPARATORS.sub("", text)
    text = _SPACED_LETTERS.sub(_join_letters, text)
    text = _STRETCHED.sub(r"\1", text)
    return _REPEATED_SIGN.sub(r"\1\1", text)


def _latin(word: str) -> str:
    """Replace look-alikes in a word, unless it is really written in another script."""
    if word.isascii():
        return word
    word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    mapped = word.translate(_HOMOGLYPHS)
    letters = [c for c in mapped if c.isalpha()]
    return mapped if letters and all(c.isascii() for c in letters) else unicodedata.normalize("NFC", word)


def _join_letters(match: re.Match[str]) -> str:
    # Two or more blanks between single letters are a word boundary: "m a u  m a t i".
    return " ".join(re.sub(r"[ .\-_*]+", "", part) for part in re.split(r" {2,}", match.group()))
