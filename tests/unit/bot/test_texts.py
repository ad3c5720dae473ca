"""Every sentence exists in both languages and fits where it is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.ports import Language
from bot.services.commands import COMMANDS
from bot.services.texts import load_texts

ROOT = Path(__file__).resolve().parents[3]


def test_every_key_in_the_code_has_a_text() -> None:
    used: set[str] = set()
    for path in (ROOT / "bot/services").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'turn\.text\(\s*"([a-z_]+)"', source))
        used |= {f"button_{name}" for name in re.findall(r'turn\.button\(\s*"([a-z_]+)"', source)}
        used |= set(re.findall(r'desk\.texts\.say\(\s*"([a-z_]+)"', source))
    assert used
    assert used - load_texts().keys() == set()


def test_every_command_has_a_menu_line() -> None:
    assert {f"menu_{name}" for name in COMMANDS} <= load_texts().keys()


def test_button_titles_are_short() -> None:
    texts = load_texts()
    long = [
        key
        for key in texts.keys()  # noqa: SIM118  # a method, not a dict's
        if key.startswith("button_") and any(len(texts.say(key, language)) > 28 for language in Language)
    ]
    assert long == []


def test_texts_fit_one_screen() -> None:
    texts = load_texts()
    assert [k for k in texts.keys() if any(len(texts.say(k, language)) > 700 for language in Language)] == []  # noqa: SIM118


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: {id: x}", "a has no text in en"),
        ("a: {id: '{name}', en: x}", "different {placeholders}"),
        ("a: [", "can't be read"),
        ("a:", "a has no text in id, en"),
    ],
)
def test_broken_content_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "texts.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_texts(path)
