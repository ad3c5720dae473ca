"""Screens every utterance before anything else happens. Never raises, needs no network, lowers no level.

Two readers look at each utterance: the lexicon and the model. The higher of them decides; where they leave doubt, the
screen asks. If a part fails, the rest goes on more cautiously, and a failure of the screen itself counts as URGENT.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from bot.risk.assessment import Category, Evidence, RiskAssessment, RiskLevel
from bot.risk.lexicon import Lexicon, Match, read_lexicon
from bot.risk.model import CATEGORIES, Prediction, RiskModel
from knowledge.encoder.serving import Encoder, OnnxEncoder
from knowledge.language import NormalizedText, Normalizer, load_normalizer

_log = structlog.get_logger()

#: Texts are cut to this length, from both ends: what is longer is pasted, not typed.
MAX_CHARACTERS = 10_000
_WINDOW_WORDS, _WINDOW_STEP = 48, 32
#: Of a long text the encoder reads only the windows whose words worry most. Source: measured, docs/risk.md.
_MAX_READ = 4
#: A fragment of a thought sent as several short messages: "aku", "mau", "udahan", "aja", "hidupnya".
_FRAGMENT_WORDS = 4
_EVIDENCE_WORDS = 12
_CATEGORY_AT_LEAST = 0.5
_FAIL_SAFE = RiskAssessment(
    RiskLevel.URGENT, (Category.DISTRESS.value,), evidence=(Evidence("", "screen failed: counted as urgent"),)
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities of danger from which the screen acts. Source: fitted on the tune part, docs/risk.md.

    Attributes:
        page: Page counselors.
        ask: Put the safety question.
        calm: Below it a lexicon match that is not sure is taken for another sense of the words, and nothing is asked.
        emergency: Call a danger an emergency, on the emergency probability.
        long_text: Share of the way to certainty by which both rise for windows of long texts, where many chances to
            err add up.
        guess: The same for short utterances read as one.
    """

    page: float
    ask: float
    calm: float = 0.0
    emergency: float = 0.4
    long_text: float = 0.1
    guess: float = 0.5


class RiskScreen:
    """The screen with its parts loaded. Thread-safe."""

    def __init__(
        self,
        normalizer: Normalizer,
        lexicons: Sequence[Lexicon],
        model: RiskModel | None,
        encoder: Encoder | None,
        thresholds: Thresholds,
    ) -> None:
        self._normalizer = normalizer
        self._lexicons = lexicons
        self._model = model
        self._encoder = encoder
        self._thresholds = thresholds

    @classmethod
    def load(cls, model_file: Path, encoder_dir: Path, *, own_words: Path | None = None) -> RiskScreen:
        """Load what is there: without model or encoder the lexicon remains, and every match that isn't sure asks.

        Args:
            model_file: Made by `bot.risk.training`.
            own_words: A centre's own lexicon, in the form of lexicon.yaml; may be missing.
        """
        lexicons = [read_lexicon()]
        if own_words is not None and own_words.exists():
            lexicons.append(read_lexicon(own_words))
        thresholds = Thresholds(page=1.1, ask=1.1)
        model: RiskModel | None = None
        encoder: Encoder | None = None
        try:
            encoder = OnnxEncoder(encoder_dir)
            model, thresholds = pickle.loads(model_file.read_bytes())  # noqa: S301 (our own file, made at set-up)
        except Exception as exc:  # whatever is wrong with the files, the screen must come up
            _log.error("screen.degraded", error=type(exc).__name__)
            model = encoder = None
        return cls(load_normalizer(), lexicons, model, encoder, thresholds)

    def with_lexicons(self, lexicons: Sequence[Lexicon]) -> RiskScreen:
        """Return this screen with other lexicons, for measuring what they are worth."""
        return RiskScreen(self._normalizer, lexicons, self._model, self._encoder, self._thresholds)

    def without_model(self) -> RiskScreen:
        """Return this screen as it is when the model is missing."""
        return RiskScreen(self._normalizer, self._lexicons, None, None, self._thresholds)

    @property
    def is_degraded(self) -> bool:
        """Whether only the lexicon is at work."""
        return self._model is None

    def screen(self, text: str, *, history: Sequence[str] = (), role: str | None = None) -> RiskAssessment:
        """Assess one utterance.

        Args:
            text: As received; any length, any characters.
            history: The same person's utterances of the last days before this one, oldest first.
            role: "resident", "family" or None; kept for wording, never lowers a level.
        """
        try:
            return self._screen(text, history)
        except Exception as exc:  # the one place where nothing may escape: silence could cost a life
            _log.error("screen.failed", error=type(exc).__name__)
            return _FAIL_SAFE

    def _screen(self, text: str, history: Sequence[str]) -> RiskAssessment:
        cut = text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS // 2] + "\n" + text[-MAX_CHARACTERS // 2 :]
        normalized = self._normalizer.normalize(cut)
        assessment = self._assess(normalized)
        fragments = self._join_fragments(normalized, history)
        if fragments is not None:
            joined = self._assess(self._normalizer.normalize(fragments), is_guess=True)
            assessment = max(assessment, joined, key=_severity)
        return self._with_history(assessment, history)

    def _assess(self, text: NormalizedText, *, is_guess: bool = False) -> RiskAssessment:
        """Assess one text; `is_guess` when it was put together here and may not be what the person meant."""
        if not text.words:
            return RiskAssessment(RiskLevel.NONE)
        matches = [match for lexicon in self._lexicons for match in lexicon.find(text.text)]
        by_rule = self._by_lexicon(matches)
        if self._model is None or self._encoder is None:
            return by_rule
        margin = self._thresholds.guess if is_guess else 0.0
        windows = _windows(text)
        if len(windows) > 1:
            margin = max(margin, self._thresholds.long_text)
            windows = sorted(windows, key=self._model.worry, reverse=True)[:_MAX_READ]
        by_model = max((self._by_model(window, margin) for window in windows), key=_severity)
        if by_rule.ask and by_model.score < self._thresholds.calm:
            return by_model
        return _combine(by_rule, by_model)

    def _by_lexicon(self, matches: Sequence[Match]) -> RiskAssessment:
        if not matches:
            return RiskAssessment(RiskLevel.NONE)
        plain = [match for match in matches if match.scope is None]
        certain = [match for match in plain if match.pattern.sure]
        evidence = tuple(Evidence(_shorten(m.words), f"lexicon: {m.pattern.id}") for m in (plain or matches)[:3])
        if certain:
            level = max(match.pattern.level for match in certain)
            return RiskAssessment(level, _categories(certain), False, evidence, _rung(certain), 1.0)
        dangerous = [match for match in plain if match.pattern.level >= RiskLevel.URGENT]
        if dangerous:
            # Not sure by itself: the model may page, else the person is asked.
            return RiskAssessment(RiskLevel.SUPPORT, _categories(dangerous), True, evidence, _rung(dangerous))
        if plain:
            return RiskAssessment(RiskLevel.SUPPORT, _categories(plain), False, evidence)
        raised = [match for match in matches if match.scope in ("negation", "past")]
        if raised:
            return RiskAssessment(RiskLevel.SUPPORT, _categories(raised), False, evidence)
        return RiskAssessment(RiskLevel.NONE)

    def _by_model(self, text: NormalizedText, margin: float) -> RiskAssessment:
        assert self._model is not None and self._encoder is not None
        prediction = self._model.predict(text, self._encoder.encode([text.text])[0])
        evidence = (Evidence(_shorten(text.original or text.text), f"model: {prediction.danger:.2f}"),)
        if prediction.danger >= self._thresholds.page + margin * (1 - self._thresholds.page):
            emergency = prediction.emergency >= self._thresholds.emergency
            level = RiskLevel.EMERGENCY if emergency else RiskLevel.URGENT
            return RiskAssessment(level, _predicted(prediction), False, evidence, None, prediction.danger)
        # A guess may page only when it is nearly certain, but it costs little to ask.
        asking = min(margin, self._thresholds.long_text)
        ask = prediction.danger >= self._thresholds.ask + asking * (1 - self._thresholds.ask)
        if ask or prediction.support >= 0.5:
            return RiskAssessment(
                RiskLevel.SUPPORT, _predicted(prediction), ask, evidence if ask else (), None, prediction.danger
            )
        return RiskAssessment(RiskLevel.NONE, score=prediction.danger)

    def _join_fragments(self, last: NormalizedText, history: Sequence[str]) -> str | None:
        # A question stands for itself, and so does what was asked before it.
        if not history or len(last.words) > _FRAGMENT_WORDS or "?" in last.original:
            return None
        parts = [last.original]
        for earlier in reversed(history[-6:]):
            if len(earlier.split()) > _FRAGMENT_WORDS or "?" in earlier:
                break
            parts.insert(0, earlier)
        return " ".join(parts) if len(parts) > 1 else None

    def _with_history(self, assessment: RiskAssessment, history: Sequence[str]) -> RiskAssessment:
        """Page instead of asking where the same person has given cause for worry before."""
        if not assessment.ask or not history:
            return assessment
        worrying = sum(self._assess(self._normalizer.normalize(earlier)).ask for earlier in history[-4:])
        if worrying == 0:
            return assessment
        evidence = (*assessment.evidence, Evidence("", f"history: {worrying} worrying message(s) before"))
        return replace(assessment, level=RiskLevel.URGENT, ask=False, evidence=evidence)


def _severity(assessment: RiskAssessment) -> tuple[int, bool, float]:
    page = assessment.level if assessment.level >= RiskLevel.URGENT else 0
    return page, assessment.ask, assessment.level + assessment.score


def _combine(by_rule: RiskAssessment, by_model: RiskAssessment) -> RiskAssessment:
    """Take the higher of the two; neither can lower the other, and the evidence of both is kept."""
    higher, lower = sorted((by_rule, by_model), key=_severity, reverse=True)
    categories = tuple(dict.fromkeys(higher.categories + (lower.categories if lower.ask or lower.level >= 2 else ())))
    evidence = (by_rule.evidence + by_model.evidence)[:4] if higher.level or higher.ask else ()
    return replace(
        higher,
        categories=categories[:3],
        evidence=evidence,
        rung=by_rule.rung if higher.level >= RiskLevel.URGENT or higher.ask else None,
        score=max(by_rule.score, by_model.score),
    )


def _windows(text: NormalizedText) -> list[NormalizedText]:
    """Return the text, or for a long one overlapping parts of it: one clause in a long story may matter."""
    words = text.text.split()
    if len(words) <= _WINDOW_WORDS + _WINDOW_STEP // 2:
        return [text]
    # Stems run along the words; punctuation has none, so they are looked up by the words of the window.
    stem_of = dict(zip(text.words, text.stems, strict=False))
    windows = []
    for start in range(0, max(len(words) - _WINDOW_WORDS // 2, 1), _WINDOW_STEP):
        piece = " ".join(words[start : start + _WINDOW_WORDS])
        piece_words = tuple(re.findall(r"[^\W_]+", piece))
        stems = tuple(stem_of.get(word, word) for word in piece_words)
        windows.append(NormalizedText(piece, piece, piece_words, stems))
    return windows


def _predicted(prediction: Prediction) -> tuple[str, ...]:
    order = prediction.categories.argsort()[::-1]
    likely = [CATEGORIES[i].value for i in order if prediction.categories[i] >= _CATEGORY_AT_LEAST][:2]
    return tuple(likely) or (CATEGORIES[order[0]].value,)


def _categories(matches: Sequence[Match]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.pattern.category for match in matches))


def _rung(matches: Sequence[Match]) -> str | None:
    ladder = ("wish", "thoughts", "method", "intent", "plan", "behaviour")
    said = [match.pattern.rung for match in matches if match.pattern.rung in ladder]
    return max(said, key=ladder.index, default=None) if said else None


def _shorten(text: str) -> str:
    words = text.split()
    return " ".join(words[:_EVIDENCE_WORDS]) + (" ..." if len(words) > _EVIDENCE_WORDS else "")
