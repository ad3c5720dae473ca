"""Pages stay within their share of false alarms; questions leave little danger unheard."""

from __future__ import annotations

import numpy as np

from bot.risk.everyday import everyday_questions
from bot.risk.lexicon import read_lexicon
from bot.risk.training import choose_thresholds
from knowledge.dataset import Part, RiskMessage
from knowledge.language import load_normalizer
from knowledge.settings import ROOT


def messages(level: int, style: str, count: int) -> list[RiskMessage]:
    return [RiskMessage("halo", level, (), "id", "resident", style)] * count


def test_page_threshold_lies_above_nearly_all_ordinary_messages() -> None:
    tune = messages(0, "ordinary", 1000) + messages(3, "explicit", 10)
    danger = np.concatenate([np.linspace(0, 0.5, 1000), np.full(10, 0.9)])
    found = choose_thresholds(danger, tune)
    assert 0.47 < found.page < 0.5


def test_ask_threshold_leaves_little_danger_unheard() -> None:
    tune = messages(0, "ordinary", 100) + messages(2, "implicit", 1000)
    danger = np.concatenate([np.linspace(0.4, 0.9, 100), np.linspace(0, 1, 1000)])
    assert 0.02 < choose_thresholds(danger, tune).ask < 0.03


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


def test_everyday_questions_leave_out_grave_topics_and_danger() -> None:
    lexicon, normalizer = read_lexicon(), load_normalizer()
    found = everyday_questions(ROOT / "knowledge" / "questions", Part.TUNE, lexicon, normalizer)
    assert len(found) > 200
    assert {message.level for message in found} == {0}
    assert not any(match.pattern.sure for message in found for match in lexicon.find(normalizer.normalize(message.text).text))


def test_a_sample_of_everyday_questions_is_always_the_same() -> None:
    lexicon, normalizer = read_lexicon(), load_normalizer()
    folder = ROOT / "knowledge" / "questions"
    first = everyday_questions(folder, Part.TUNE, lexicon, normalizer, at_most=20)
    assert len(first) == 20
    assert first == everyday_questions(folder, Part.TUNE, lexicon, normalizer, at_most=20)
