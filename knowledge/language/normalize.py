"""Turns what people type into words the models know, keeping the original beside it.

Order: characters, then leet, slang and street names, doubled words ("anak2"), dropped vowels, typing slips. A word
that is known already is never touched, so that a repair can't change what somebody said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import Stemmer
from rapidfuzz.distance import DamerauLevenshtein
from wordfreq import get_frequency_dict

from knowledge.errors import ContentError
from knowledge.language.characters import clean_text, plain_characters

__all__ = ["NormalizedText", "Normalizer", "clean_text", "load_normalizer"]

SLANG_FILE = Path(__file__).with_name("slang.tsv")
VOCABULARY_FILE = Path(__file__).with_name("vocabulary.txt")

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|[^\w\s]", re.UNICODE)
_LEET = str.maketrans("013457@$!", "oieastasi")
_DOUBLED = re.compile(r"([^\W\d_]{2,})2(nya|an|ku|mu)?")
_VOWELS = re.compile(r"[aeiou]")
#: Words rarer than this are no repair targets: a rare word is more often wrong than meant.
_MIN_FREQUENCY = 1.5e-6
_MAX_REPAIRS = 400


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """An utterance before and after normalisation.

    Attributes:
        original: As typed, less characters that can't be stored.
        text: Lower case, slang and slips resolved, punctuation kept; "" when nothing readable is left.
        words: The words of `text`, without punctuation.
        stems: `words` cut to Indonesian stems, for lexical matching.
    """

    original: str
    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]


class Normalizer:
    """Normalises utterances with one slang lexicon and one vocabulary. Safe to share between threads."""

    def __init__(self, slang: Mapping[str, str], domain_words: Iterable[str]) -> None:
        """Take slang (form -> standard wording, forms of up to three words) and words that count as known."""
        self._slang = {form: standard for form, standard in slang.items() if " " not in form}
        self._phrases = {tuple(form.split()): standard for form, standard in slang.items() if " " in form}
        self._phrase_starts = {form[0] for form in self._phrases}
        indonesian, english = get_frequency_dict("id"), get_frequency_dict("en")
        domain = dict.fromkeys(domain_words, 2e-05)
        for standard in slang.values():
            domain.update({word: 2e-5 for word in standard.split() if len(word) > 3})
        self._targets = {w: f for w, f in indonesian.items() if f >= _MIN_FREQUENCY and w.isalpha() and len(w) > 3}
        for word, frequency in domain.items():
            self._targets[word] = max(frequency, self._targets.get(word, 0.0))
        self._known = {w for w, f in indonesian.items() if f >= _MIN_FREQUENCY} | set(domain)
        self._known |= {w for w, f in english.items() if f >= 3e-6}
        self._by_skeleton = _group(self._targets, _skeleton)
        self._by_shape = _group(self._targets, lambda word: word[0])
        self._stemmer = Stemmer.Stemmer("indonesian")
        self._repair = lru_cache(maxsize=20_000)(self._repair_word)

    def normalize(self, text: str) -> NormalizedText:
        """Return the normalised utterance. Never raises; an unreadable text gives empty words."""
        original = clean_text(text)
        tokens = self._replace_phrases(_TOKEN.findall(plain_characters(original)))
        result: list[str] = []
        repairs = 0
        for token in tokens:
            if token in self._slang:
                result.append(self._slang[token])
            elif _DOUBLED.fullmatch(token):
                result.append(self._repair(token))
            elif token in self._known or not any(c.isalpha() for c in token) or repairs >= _MAX_REPAIRS:
                result.append(token)
            else:
                repairs += 1
                result.append(self._repair(token))
        normalized = _join(result)
        words = tuple(re.findall(r"[^\W_]+", normalized))
        return NormalizedText(original, normalized, words, tuple(self._stemmer.stemWords(list(words))))

    def knows(self, word: str) -> bool:
        """Return whether a word is in the lexicon or the vocabulary."""
        return word in self._known or word in self._slang

    def _replace_phrases(self, tokens: list[str]) -> list[str]:
        result: list[str] = []
        position = 0
        while position < len(tokens):
            if tokens[position] in self._phrase_starts:
                for length in (3, 2):
                    standard = self._phrases.get(tuple(tokens[position : position + length]))
                    if standard is not None:
                        result.append(standard)
                        position += length
                        break
                else:
                    result.append(tokens[position])
                    position += 1
            else:
                result.append(tokens[position])
                position += 1
        return result

    def _repair_word(self, token: str) -> str:
        doubled = _DOUBLED.fullmatch(token)
        if doubled:
            stem = doubled[1]
            stem = self._slang.get(stem) or (stem if stem in self._known else self._repair(stem))
            return f"{stem} {stem}{doubled[2] or ''}"
        if any(c.isdigit() for c in token):
            return self._repair_leet(token)
        for suffix in ("nya", "ny", "ku", "mu", "kah", "lah", "an"):
            stem = token.removesuffix(suffix)
            if stem != token and len(stem) > 1 and stem in self._slang:
                return f"{self._slang[stem]}{'nya' if suffix == 'ny' else suffix}"
            if stem != token and len(stem) > 2 and stem in self._known:
                return stem + ("nya" if suffix == "ny" else suffix)
        if len(token) < 3 or len(token) > 24 or not token.isascii():
            return token
        return self._restore_vowels(token) or self._mend_slip(token) or token

    def _repair_leet(self, token: str) -> str:
        split = re.fullmatch(r"(\d+)([^\W\d_]+)|([^\W\d_]{2,})(\d+)", token)
        letters = token.translate(_LEET)
        if letters.isalpha():
            if letters in self._slang:
                return self._slang[letters]
            if letters in self._known:
                return letters
        if split:
            word = split[2] or split[3]
            word = self._slang.get(word) or (word if word in self._known else self._repair(word))
            return f"{split[1]} {word}" if split[1] else f"{word} {split[4]}"
        return letters if letters.isalpha() and len(letters) > 3 else token

    def _restore_vowels(self, token: str) -> str | None:
        """Find the commonest word that the token is with some vowels left out: "mndadak" -> "mendadak"."""
        candidates = [
            word for word in self._by_skeleton.get(_skeleton(token), ()) if len(word) > len(token) and _is_within(token, word)
        ]
        return self._most_likely(token, candidates)

    def _mend_slip(self, token: str) -> str | None:
        """Find the commonest word one slip away (added, lost, wrong or swapped letter), for five letters or more."""
        if len(token) < 5:
            return None
        candidates = [
            word
            for word in self._by_shape.get(token[0], ())
            if abs(len(word) - len(token)) <= 1 and DamerauLevenshtein.distance(token, word, score_cutoff=1) <= 1
        ]
        return self._most_likely(token, candidates)

    def _most_likely(self, token: str, candidates: list[str]) -> str | None:
        return max(candidates, key=lambda w: self._targets[w] * 0.3 ** abs(len(w) - len(token)), default=None)


def _skeleton(word: str) -> str:
    return word[0] + _VOWELS.sub("", word[1:])


def _is_within(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def _group(words: Iterable[str], key: object) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(key(word), []).append(word)  # type: ignore[operator]
    return groups


def _join(tokens: list[str]) -> str:
    text = " ".join(tokens)
    return re.sub(r"\s+([,.!?;:)])", r"\1", text)


def read_slang(path: Path) -> dict[str, str]:
    """Read a lexicon: one `form<TAB>standard<TAB>kind` a line, `#` begins a comment.

    Raises:
        ContentError: A line has not three fields, or a form stands twice with different meanings.
    """
    slang: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ContentError(f"{path.name}:1: not UTF-8: save the file with UTF-8 encoding") from exc
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 3 or not all(field.strip() for field in fields):
            raise ContentError(f"{path.name}:{number}: expected form, standard wording and kind, separated by tabs")
        form, standard = fields[0].strip().casefold(), fields[1].strip().casefold()
        if slang.get(form, standard) != standard:
            raise ContentError(f"{path.name}:{number}: '{form}' already means '{slang[form]}': keep one meaning")
        slang[form] = standard
    return slang


def load_normalizer() -> Normalizer:
    """Return the normaliser with the project's lexicon and domain vocabulary."""
    words = VOCABULARY_FILE.read_text(encoding="utf-8").split() if VOCABULARY_FILE.exists() else []
    return Normalizer(read_slang(SLANG_FILE), words)
