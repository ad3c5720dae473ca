"""Tells Indonesian, English, a mix of both, and "neither" apart, on messages of a few words.

Statistical detectors need longer and cleaner text than a chat gives, and call slang Malay, Tagalog or Somali. Here
every word votes with how common it is in either language; words of neither language, and other scripts, vote for
"neither". Regional languages of Indonesia count as Indonesian: the models have seen them and answer.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from wordfreq import get_frequency_dict

from knowledge.language.normalize import NormalizedText

_UNSEEN = 1e-7
#: A word this many times commoner in one language counts for it alone.
_SHARED = 4.0
#: English terms stand in Indonesian messages ("FSG family support group jadwal"); these words make a sentence English.
_GRAMMAR = frozenset(
    re.findall(
        r"\w+",
        "the a an is are am was were be been do does did don can could will would should shall may must i im ive my me you "
        "your he him his she her it its we us our they them their this that these those there what when where who why how "
        "which if and or but not to of in on at for from with about into after before than because so have has had any "
        "some no please",
    )
)


class DetectedLanguage(StrEnum):
    """What an utterance is written in."""

    INDONESIAN = "id"
    ENGLISH = "en"
    MIXED = "mixed"
    NEITHER = "neither"


@lru_cache(maxsize=50_000)
def _vote(word: str) -> str:
    """Return "id", "en", "both" or "none" for one lower-case word."""
    indonesian = get_frequency_dict("id").get(word, _UNSEEN)
    english = get_frequency_dict("en").get(word, _UNSEEN)
    if indonesian <= 1e-6 and english <= 1e-6:
        return "none"
    if indonesian > _SHARED * english:
        return "id"
    if english > _SHARED * indonesian:
        return "en"
    return "both"


def detect_language(text: NormalizedText) -> DetectedLanguage:
    """Return the language of an utterance; INDONESIAN for texts without words (numbers, emoji)."""
    letters = [c for c in text.text if c.isalpha()]
    if letters and sum(_is_latin(c) for c in letters) < 0.6 * len(letters):
        return DetectedLanguage.NEITHER
    votes = [_vote(word) for word in text.words if len(word) > 1 and not word.isdigit()]
    indonesian, english, none = votes.count("id"), votes.count("en"), votes.count("none")
    if not votes or len(votes) == votes.count("both"):
        return DetectedLanguage.INDONESIAN
    if none > 0.6 * len(votes) and none >= 3:
        return DetectedLanguage.NEITHER
    if english > 2.5 * indonesian:
        return DetectedLanguage.ENGLISH
    if english >= 3 and english > 0.5 * indonesian:
        return DetectedLanguage.MIXED
    return DetectedLanguage.INDONESIAN


def is_english_sentence(text: NormalizedText) -> bool:
    """Return whether an utterance is not just made of English terms but worded in English."""
    return detect_language(text) is DetectedLanguage.ENGLISH and not _GRAMMAR.isdisjoint(text.words)


@lru_cache(maxsize=10_000)
def _is_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN")
