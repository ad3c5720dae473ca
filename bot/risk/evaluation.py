"""Measures the risk screen on the `evaluate` part, beside a keyword list, the lexicon alone and the model alone."""

from __future__ import annotations

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bot.risk.assessment import RiskAssessment, RiskLevel
from bot.risk.everyday import everyday_messages
from bot.risk.lexicon import Lexicon
from bot.risk.screen import RiskScreen
from bot.risk.training import LOOK_ALIKE_STYLES
from knowledge.dataset import Part, RiskMessage, read_risk_messages
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.table import text_table

RISK_DIR = ROOT / "training_data" / "risk"
#: What a first version of such a bot usually has; the baseline that the screen must beat.
_KEYWORDS = re.compile(
    r"\b(bunuh diri|mati|bundir|overdosis|od|gantung|racun|silet|pisau|kabur|suicide|kill|die|overdose|sakau|kejang|darah|pukul)\b"
)
_Screen = Callable[[str], RiskAssessment]


def risk_tables(settings: KnowledgeSettings) -> Iterator[str]:
    """Yield the tables as text."""
    messages = read_risk_messages(RISK_DIR, Part.EVALUATE)
    screen = RiskScreen.load(settings.risk_model, settings.encoder_dir)
    empty = Lexicon(
        [], {kind: re.compile(r"(?!)") for kind in ("negation", "past", "resolved", "information", "quote")}, []
    )
    methods: dict[str, _Screen] = {
        "Pendamping": screen.screen,
        "model alone": screen.with_lexicons([empty]).screen,
        "lexicon alone": screen.without_model().screen,
        "keyword list": _keyword_screen(),
    }
    results = {}
    rows = []
    for name, method in methods.items():
        begun = time.perf_counter()
        results[name] = [method(message.text) for message in messages]
        took = (time.perf_counter() - begun) / max(len(messages), 1) * 1000
        rows.append((name, *_summary(messages, results[name]), f"{took:.1f}"))
    head = (
        "method",
        "recall>=2",
        "page>=2",
        "recall 3",
        "precision",
        "false page",
        "ask",
        "page alike",
        "ask alike",
        "ms",
    )
    yield text_table(f"Risk screen, {len(messages)} unseen messages", head, rows)
    yield _everyday_table(settings, screen)
    by_writer = []
    for writer in sorted({message.writer for message in messages}):
        own = [(m, r) for m, r in zip(messages, results["Pendamping"], strict=True) if m.writer == writer]
        by_writer.append((writer, *_summary([m for m, _ in own], [r for _, r in own])))
    yield text_table("Pendamping by the writer of the messages", ("writer", *head[1:-1]), by_writer)
    for title, key in (
        ("Recall at level >= 2 by category", lambda m: m.categories),
        ("Recall at level >= 2 by style", lambda m: (m.style,)),
        ("Recall at level >= 2 by language", lambda m: (m.language,)),
    ):
        yield _recall_by(title, messages, results["Pendamping"], key)
    yield _calibration(messages, results["Pendamping"])


def _everyday_table(settings: KnowledgeSettings, screen: RiskScreen) -> str:
    """Return how often what people say to the knowledge base is paged and asked about, by the danger that is in it."""
    messages = everyday_messages(settings.questions_dir, Part.EVALUATE)
    rows = []
    for name, levels in (("none (0)", {0}), ("support (1)", {1}), ("urgent, emergency (2, 3)", {2, 3})):
        results = [screen.screen(message.text) for message in messages if message.level in levels]
        paged, asked = sum(r.level >= RiskLevel.URGENT for r in results), sum(r.ask for r in results)
        n = max(len(results), 1)
        rows.append((name, str(len(results)), f"{paged / n:.3f}", f"{asked / n:.3f}"))
    return text_table("Questions to the knowledge base, by the danger in them", ("danger", "n", "page", "ask"), rows)


def _keyword_screen() -> _Screen:
    def screen(text: str) -> RiskAssessment:
        return RiskAssessment(RiskLevel.URGENT if _KEYWORDS.search(text.casefold()) else RiskLevel.NONE)

    return screen


def _summary(messages: Sequence[RiskMessage], results: Sequence[RiskAssessment]) -> tuple[str, ...]:
    danger = np.array([message.level >= RiskLevel.URGENT for message in messages])
    emergency = np.array([message.level == RiskLevel.EMERGENCY for message in messages])
    alike = np.array([message.level == 0 and message.style in LOOK_ALIKE_STYLES for message in messages])
    ordinary = np.array([message.level == 0 for message in messages]) & ~alike
    page = np.array([result.level >= RiskLevel.URGENT for result in results])
    ask = np.array([result.ask for result in results])

    def share(
        hit: np.ndarray[tuple[int], np.dtype[np.bool_]], among: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> str:
        return f"{hit[among].mean():.3f}" if among.any() else "-"

    precision = f"{danger[page].mean():.3f}" if page.any() else "-"
    return (
        share(page | ask, danger),
        share(page, danger),
        share(page | ask, emergency),
        precision,
        share(page, ordinary),
        share(ask, ordinary),
        share(page, alike),
        share(ask, alike),
    )


def _recall_by(
    title: str,
    messages: Sequence[RiskMessage],
    results: Sequence[RiskAssessment],
    key: Callable[[RiskMessage], Sequence[str]],
) -> str:
    groups: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for message, result in zip(messages, results, strict=True):
        if message.level >= RiskLevel.URGENT:
            for name in key(message):
                groups[name].append((result.level >= RiskLevel.URGENT, result.ask))
    rows = [
        (name, str(len(g)), f"{sum(p or a for p, a in g) / len(g):.3f}", f"{sum(p for p, _ in g) / len(g):.3f}")
        for name, g in sorted(groups.items())
    ]
    return text_table(title, ("", "n", "page or ask", "page"), rows)


def _calibration(messages: Sequence[RiskMessage], results: Sequence[RiskAssessment]) -> str:
    edges = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = [m.level >= 2 for m, r in zip(messages, results, strict=True) if low <= r.score < high]
        share = f"{sum(inside) / len(inside):.2f}" if inside else "-"
        rows.append((f"{low:.1f} to {min(high, 1.0):.1f}", str(len(inside)), share))
    return text_table("Calibration: share that was dangerous, by score", ("score", "n", "dangerous"), rows)
