"""Settings are typed, documented, secret where they must be, and errors never show a value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.errors import ConfigError
from bot.settings import PREFIX, Settings, load_settings
from knowledge.settings import KnowledgeSettings

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_example_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^(PENDAMPING_[A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    known = {PREFIX + name.upper() for name in [*Settings.model_fields, *KnowledgeSettings.model_fields]}
    assert listed == known


def test_example_holds_the_defaults() -> None:
    known = {PREFIX + name.upper() for name in KnowledgeSettings.model_fields}
    assert load_settings(EXAMPLE, keys_known_elsewhere=known) == load_settings(None)


def test_unknown_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PENDAMPING_TELEGRAM_TOKN=123\n")
    with pytest.raises(ConfigError, match="PENDAMPING_TELEGRAM_TOKN"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize(
    "value",
    [
        {"time_zone": "Mars/Base"},
        {"retention_days": "0"},
        {"staff_chat_id": "abc-secret"},
        {"telegram_api_url": "ftp://secret"},
        {"log_level": "secret"},
        {"webhook_url": "https://x.example/secret"},
    ],
)
def test_wrong_value_is_refused_without_showing_it(value: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, **value)
    assert "secret" not in str(caught.value).replace("WEBHOOK_SECRET", "")


def test_secrets_are_not_printed() -> None:
    settings = load_settings(None, telegram_token=SecretStr("1:abc"), encryption_key=SecretStr("k"))
    assert "abc" not in str(settings.printable()) + repr(settings)


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENDAMPING_STAFF_CHAT_ID", "-100123")
    monkeypatch.setenv("PENDAMPING_TELEGRAM_TOKEN", "")
    settings = load_settings(None)
    assert (settings.staff_chat_id, settings.telegram_token) == (-100123, None)
