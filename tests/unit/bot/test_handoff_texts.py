"""What people and counselors read about cases: complete, filled in, and nothing written that nobody says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.handoff.case import Outcome
from bot.handoff.paging import Circle
from bot.ports import Language
from bot.risk import Category
from bot.services.case_steps import VERDICTS
from bot.services.escalation import HANDOFF_TEXTS_FILE
from bot.services.picture import draw_summary
from bot.services.staff_texts import load_staff_texts
from bot.services.texts import load_texts

SERVICES = Path(__file__).resolve().parents[3] / "bot" / "services"


def _source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SERVICES.glob("*.py")))


def test_every_staff_text_that_is_said_exists() -> None:
    said = set(re.findall(r'(?:staff|order|press)\.say\(\s*"([a-z_0-9]+)"', _source()))
    assert said - load_staff_texts().keys() == set()


def test_every_staff_text_is_said_somewhere() -> None:
    source = _source().replace("'", '"')
    families = ("category_", "rung_", "outcome_", "kind_", "role_", "verdict_", "title_", "mentions_", "button_")
    unused = [
        key
        for key in sorted(load_staff_texts().keys())
        if not key.startswith(families) and f'"{key}"' not in source and f'"{key.rsplit("_", 1)[0]}"' not in source
    ]
    assert unused == []


def test_every_value_a_card_can_show_has_a_word() -> None:
    keys = load_staff_texts().keys()
    assert {f"category_{category.value}" for category in Category} <= keys
    assert {f"outcome_{outcome.value}" for outcome in Outcome} <= keys
    assert {f"mentions_{circle.value}" for circle in Circle} <= keys
    assert {f"verdict_{verdict}" for verdict in VERDICTS} <= keys
    assert {f"rung_{name}" for name in ("wish", "thoughts", "method", "intent", "plan", "behaviour")} <= keys


def test_every_text_for_people_that_is_told_exists() -> None:
    told = set(re.findall(r'\.tell\(\s*db,\s*person,\s*"([a-z_]+)"', _source()))
    assert told and told <= load_texts(HANDOFF_TEXTS_FILE).keys()


def test_people_read_short_texts_and_no_jargon() -> None:
    texts = load_texts(HANDOFF_TEXTS_FILE)
    for key in sorted(texts.keys()):
        for language in Language:
            text = texts.say(key, language)
            assert len(text) <= 700, key
            assert not re.search(r"\b(level|kasus|case #|escalat|handoff)\b", text.lower().replace("kasusmu", "").replace(
                "your case", "")), key  # fmt: skip


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=-5), "baru saja"),
        (timedelta(seconds=59), "baru saja"),
        (timedelta(minutes=7), "7 menit"),
        (timedelta(hours=2, minutes=5), "2 jam 5 menit"),
        (timedelta(days=3), "3 hari"),
    ],
)
def test_spans_are_said_as_people_say_them(span: timedelta, text: str) -> None:
    assert load_staff_texts().waited(span) == text


def test_broken_content_file_names_the_key(tmp_path: Path) -> None:
    broken = tmp_path / "texts.yaml"
    broken.write_text('card: "x"\nhelp: ""\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="help is empty"):
        load_staff_texts(broken)
    with pytest.raises(ConfigError, match="can't be read"):
        load_staff_texts(tmp_path / "missing.yaml")


@pytest.mark.parametrize("medians", [{}, {3: 0.0}, {3: 1.5, 2: 12.0, 1: 4000.0}])
def test_picture_is_a_png_whatever_the_figures(medians: dict[int, float]) -> None:
    for hours in ([0] * 24, [1] * 24, [500, *[0] * 23]):
        assert draw_summary(hours, medians, title="ABC xyz", legend="ÄÖ 09").startswith(b"\x89PNG\r\n\x1a\n")
