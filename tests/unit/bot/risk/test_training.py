"""Thresholds are the lowest that keep false alarms within their shares."""

from __future__ import annotations

import numpy as np

from bot.risk.training import choose_thresholds
from knowledge.dataset import RiskMessage


def messages(level: int, style: str, count: int) -> list[RiskMessage]:
    return [RiskMessage("halo", level, (), "id", "resident", style)] * count


def test_page_threshold_lies_above_nearly_all_ordinary_messages() -> None:
    tune = messages(0, "ordinary", 1000) + messages(3, "explicit", 10)
    danger = np.concatenate([np.linspace(0, 0.5, 1000), np.full(10, 0.9)])
    found = choose_thresholds(danger, tune)
    assert 0.47 < found.page < 0.5
    assert found.ask < found.page


def test_many_worrying_look_alikes_raise_the_page_threshold() -> None:
    tune = messages(0, "ordinary", 100) + messages(0, "idiom", 100)
    quiet = np.concatenate([np.linspace(0, 0.3, 100), np.linspace(0, 0.3, 100)])
    loud = np.concatenate([np.linspace(0, 0.3, 100), np.linspace(0.5, 0.9, 100)])
    assert choose_thresholds(loud, tune).page > choose_thresholds(quiet, tune).page


def test_ask_threshold_is_never_above_the_page_threshold() -> None:
    tune = messages(0, "ordinary", 50) + messages(0, "quote", 50)
    danger = np.concatenate([np.linspace(0.5, 0.99, 50), np.zeros(50)])
    found = choose_thresholds(danger, tune)
    assert found.ask <= found.page
