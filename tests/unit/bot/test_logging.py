"""Nothing a person said reaches the logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logging import configure_logging


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(level="INFO", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_unknown_keys_are_dropped(output: io.StringIO) -> None:
    structlog.get_logger().info("turn.answered", update_id=5, utterance="rahasia", name="Siti", chat_id=77)
    line = json.loads(output.getvalue())
    assert line["update_id"] == 5
    assert set(line) == {"event", "level", "timestamp", "update_id"}


def test_error_text_and_locals_are_dropped(output: io.StringIO) -> None:
    utterance = "rahasia"
    try:
        raise ValueError(utterance)
    except ValueError:
        structlog.get_logger().exception("turn.failed")
    assert "rahasia" not in output.getvalue()
    line = json.loads(output.getvalue())
    assert line["error"] == "ValueError"
    assert line["exception"][0].endswith("test_error_text_and_locals_are_dropped")


def test_library_records_lose_their_text(output: io.StringIO) -> None:
    logging.getLogger("telegram.ext").warning("Update %s", "rahasia")
    logging.getLogger("httpx").info("HTTP Request: https://api.telegram.org/bot123:token/sendMessage")
    assert "rahasia" not in output.getvalue()
    assert "token" not in output.getvalue()
    assert "library.logged" in output.getvalue()
