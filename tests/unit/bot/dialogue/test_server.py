"""When the dialogue model counts as stale, and what is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.dialogue import server
from bot.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("domain", "nlu", "stories", "tests"):
        (tmp_path / "training_data" / folder).mkdir(parents=True)
        (tmp_path / "training_data" / folder / "a.yml").write_text("a")
    (tmp_path / "training_data" / "rules.yml").write_text("rules")
    (tmp_path / "config.yml").write_text("config")
    server.models_dir(tmp_path).mkdir(parents=True)
    server.model_path(tmp_path).write_bytes(b"model")
    (server.models_dir(tmp_path) / "pendamping.sha256").write_text(server.fingerprint(tmp_path))
    return tmp_path


def test_unchanged_model_is_up_to_date(project: Path) -> None:
    assert not server.is_stale(project)


@pytest.mark.parametrize("name", ["config.yml", "training_data/nlu/a.yml", "training_data/rules.yml"])
def test_changed_data_makes_the_model_stale(project: Path, name: str) -> None:
    (project / name).write_text("changed")
    assert server.is_stale(project)


def test_held_out_data_does_not_make_the_model_stale(project: Path) -> None:
    (project / "training_data" / "tests" / "a.yml").write_text("changed")
    assert not server.is_stale(project)


def test_missing_model_is_stale(project: Path) -> None:
    server.model_path(project).unlink()
    assert server.is_stale(project)


def test_missing_environment_says_what_to_do(project: Path) -> None:
    with pytest.raises(ConfigError, match="make setup"):
        server.train_if_stale(lambda _line: None, root=project)


def test_up_to_date_model_is_not_trained_again(project: Path) -> None:
    server.python_of(project).parent.mkdir(parents=True)
    server.python_of(project).write_text("")
    said: list[str] = []
    assert server.train_if_stale(said.append, root=project) == server.model_path(project)
    assert said == ["dialogue model: up to date"]


def test_failed_training_raises_and_keeps_the_old_stamp(project: Path) -> None:
    server.python_of(project).parent.mkdir(parents=True)
    server.python_of(project).write_text("#!/bin/sh\necho broken data\nexit 3\n")
    server.python_of(project).chmod(0o755)
    (project / "config.yml").write_text("changed")
    with pytest.raises(ConfigError, match="broken data"):
        server.train_if_stale(lambda _line: None, root=project)
    assert server.is_stale(project)


def test_server_is_started_without_telemetry_and_knows_its_actions() -> None:
    environment = server.rasa_environment(actions_url="http://127.0.0.1:5055/")
    assert environment["RASA_TELEMETRY_ENABLED"] == "false"
    assert environment["PENDAMPING_ACTIONS_WEBHOOK"] == "http://127.0.0.1:5055/webhook"
