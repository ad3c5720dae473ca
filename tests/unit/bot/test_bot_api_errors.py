"""Every error python-telegram-bot can raise has one of ours."""

from __future__ import annotations

import inspect

import httpx
import pytest
from telegram import error as tg

from bot.errors import (
    BlockedError,
    BotError,
    ChatMovedError,
    ConfigError,
    DeliveryUnsureError,
    PollConflictError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
)
from bot.telegram.bot_api import translate

EXPECTED = {
    tg.TelegramError: DeliveryUnsureError,
    tg.Forbidden: BlockedError,
    tg.InvalidToken: ConfigError,
    tg.EndPointNotFound: ConfigError,
    tg.NetworkError: DeliveryUnsureError,
    tg.BadRequest: RefusedError,
    tg.TimedOut: DeliveryUnsureError,
    tg.ChatMigrated: ChatMovedError,
    tg.RetryAfter: RateLimitedError,
    tg.Conflict: PollConflictError,
    tg.PassportDecryptionError: DeliveryUnsureError,
}


def test_no_error_is_left_out() -> None:
    found = {c for _, c in inspect.getmembers(tg, inspect.isclass) if issubclass(c, tg.TelegramError)}
    assert found == set(EXPECTED)


@pytest.mark.parametrize(("theirs", "ours"), EXPECTED.items(), ids=lambda value: value.__name__)
def test_error_is_translated(theirs: type[tg.TelegramError], ours: type[BotError]) -> None:
    arguments: dict[type, tuple[object, ...]] = {tg.ChatMigrated: (-5,), tg.RetryAfter: (7,)}
    assert type(translate(theirs(*arguments.get(theirs, ("text",))))) is ours  # type: ignore[arg-type]


def test_refused_connection_is_no_doubt() -> None:
    error = tg.NetworkError("x")
    error.__cause__ = httpx.ConnectError("x")
    assert type(translate(error)) is UnreachableError


def test_pause_keeps_its_length() -> None:
    error = translate(tg.RetryAfter(7))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == 7
