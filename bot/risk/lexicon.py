"""Danger expressions that a reviewer wrote down, read with what stands around them.

A match counts for less when it is denied, past and over, a question for information, or a quotation; and for nothing
when it is part of a harmless idiom. Content: lexicon.yaml (the project's) and a centre's own file in the same form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.risk.assessment import RiskLevel
from bot.risk.prefilter import Prefilter

LEXICON_FILE = Path(__file__).with_name("lexicon.yaml")
#: libyaml reads the lexicon in a tenth of the time, where it is there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Words before and after a match in which a scope word still concerns it.
_BEFORE, _AFTER = 5, 8
_NOW = re.compile(r"\b(sekarang|kini|saiki|ayeuna|mulai|malah|makin|belakangan|hari ini|malam ini|now|today|tonight|lately)\b")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression: the level and category it has when said plainly, here and now."""

    id: str
    expression: re.Pattern[str]
    level: RiskLevel
    category: str
    rung: str | None
    sure: bool


@dataclass(frozen=True, slots=True)
class Match:
    """One expression found in an utterance.

    Attributes:
        scope: The scope word's kind that weakens it ("negation", "past", "information", "quote"); None if plain.
        words: The matched words.
    """

    pattern: Pattern
    words: str
    scope: str | None


class Lexicon:
    """A compiled lexicon. Pure and thread-safe."""

    def __init__(
        self, patterns: Sequence[Pattern], scope: Mapping[str, re.Pattern[str]], harmless: Sequence[re.Pattern[str]]
    ) -> None:
        self._patterns = patterns
        self._scope = scope
        self._harmless = harmless
        self._likely = Prefilter([pattern.expression for pattern in patterns])
        self._likely_harmless = Prefilter(harmless)

    def find(self, text: str) -> list[Match]:
        """Return all matches in a normalised text, strongest first."""
        patterns = [self._patterns[position] for position in self._likely.candidates(text)]
        if not patterns:
            return []
        harmless = [self._harmless[position] for position in self._likely_harmless.candidates(text)]
        covered = [match.span() for expression in harmless for match in expression.finditer(text)]
        found: list[Match] = []
        for pattern in patterns:
            for hit in pattern.expression.finditer(text):
                if any(start < hit.end() and hit.start() < end for start, end in covered):
                    continue
                found.append(Match(pattern, hit.group().strip(), self._scope_of(text, hit)))
        return sorted(found, key=lambda m: (m.scope is None, m.pattern.level, m.pattern.sure), reverse=True)

    def _scope_of(self, text: str, hit: re.Match[str]) -> str | None:
        before = " ".join(re.split(r"[.!?;]", text[: hit.start()])[-1].split()[-_BEFORE:])
        after = " ".join(re.split(r"[.!?;]", text[hit.end() :])[0].split()[:_AFTER])
        negation = self._scope["negation"]
        # Words inside the match are the pattern's own: "tidak mau hidup lagi" is no denial.
        if negation.search(" ".join(before.split()[-3:])):
            return "negation"
        for kind in ("information", "quote"):
            if self._scope[kind].search(f"{before} {hit.group()}") or (
                kind == "quote" and self._scope[kind].search(after)
            ):
                return kind
        if self._scope["resolved"].search(f"{before} {after}"):
            return "past"
        past = list(self._scope["past"].finditer(before))
        # "dulu cuma sedih, sekarang mulai pengen mati": what comes after the turn to the present is not over.
        since = f"{before[past[-1].end() :]} {' '.join(hit.group().split()[:2])}" if past else ""
        return "past" if past and not _NOW.search(since) else None


def read_lexicon(path: Path = LEXICON_FILE) -> Lexicon:
    """Read a lexicon. Raises ValueError that names the entry and the mend."""
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (safe)
    patterns = [_pattern(path, entry) for entry in data["patterns"]]
    scope = {
        kind: re.compile(r"\b(" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")\b")
        for kind, words in data["scope"].items()
    }
    harmless = [_compile(path, "harmless", expression) for expression in data["harmless"]]
    return Lexicon(patterns, scope, harmless)


def _pattern(path: Path, entry: dict[str, Any]) -> Pattern:
    name = str(entry.get("id", "?"))
    try:
        return Pattern(
            id=name,
            expression=_compile(path, name, entry["pattern"]),
            level=RiskLevel(entry["level"]),
            category=str(entry["category"]),
            rung=entry.get("rung"),
            sure=bool(entry["sure"]),
        )
    except KeyError as exc:
        raise ValueError(f"{path.name}: the pattern '{name}' has no field {exc}: add it") from exc


def _compile(path: Path, name: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as exc:
        raise ValueError(f"{path.name}: '{name}' is no valid expression ({exc}): mend {expression!r}") from exc
