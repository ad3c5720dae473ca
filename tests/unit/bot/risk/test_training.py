"""Pages stay within their share of false alarms; questions leave little danger unheard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bot.risk.everyday import everyday_messages
from bot.risk.training import choose_thresholds
from knowledge.dataset import Part, RiskMessage


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
    unheard = np.mean(danger[100:] < choose_thresholds(danger, tune).ask)
    assert 0.0 < unheard <= 0.05


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


def write_questions(folder: Path) -> None:
    part = folder / "train"
    part.mkdir()
    same = {"topic": "rehab.cost", "lang": "id", "speaker": "resident", "style": "plain"}
    rows: list[dict[str, object]] = [{"text": f"biaya rehab {n} bulan berapa?", **same} for n in range(30)]
    rows.append({"text": "teman saya tidak bangun, harus apa?", "risk": 3, "categories": ["overdose"], **same})
    rows.append({"text": "apa tanda overdosis?", "risk": 0, **same})
    (part / "rehab.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (part / "scope.jsonl").write_text(
        json.dumps({"text": "cuaca hari ini?", "scope": "off_topic", "lang": "id"}), encoding="utf-8"
    )


def test_everyday_messages_carry_the_danger_that_was_read_in_them(tmp_path: Path) -> None:
    write_questions(tmp_path)
    found = {message.text: message for message in everyday_messages(tmp_path, Part.TRAIN)}
    assert len(found) == 33
    assert found["teman saya tidak bangun, harus apa?"].level == 3
    assert found["teman saya tidak bangun, harus apa?"].categories == ("overdose",)
    assert {message.level for text, message in found.items() if "teman" not in text} == {0}


def test_a_sample_of_everyday_messages_keeps_what_was_read_and_is_always_the_same(tmp_path: Path) -> None:
    write_questions(tmp_path)
    first = everyday_messages(tmp_path, Part.TRAIN, at_most=5)
    assert len(first) == 7
    assert {"teman saya tidak bangun, harus apa?", "apa tanda overdosis?"} <= {message.text for message in first}
    assert first == everyday_messages(tmp_path, Part.TRAIN, at_most=5)
