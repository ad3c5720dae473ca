"""Calls the Bot API through python-telegram-bot and translates its errors into ours.

Rows of the outbox already hold Bot API parameters, so they are posted as they are (`Bot._post` is what every typed
method of `Bot` ends in). PTB still does what it is good at: connections, timeouts, uploads, error classes.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any

import httpx
import structlog
from telegram import Bot, InputFile
from telegram import error as tg
from telegram.request import HTTPXRequest

from bot.errors import (
    BlockedError,
    BotError,
    ChatMovedError,
    ConfigError,
    DeliveryUnsureError,
    PollConflictError,
    RateLimitedError,
    RefusedError,
    TransportError,
    UnreachableError,
)

log = structlog.get_logger()

POLL_S = 25
"""Long-poll time of getUpdates."""

ALLOWED_UPDATES = ["message", "edited_message", "channel_post", "callback_query", "my_chat_member"]


_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")


class TelegramBotApi:
    """One bot account. Use as an async context manager.

    Args:
        api_url: Bot API server without a trailing slash.
    """

    def __init__(self, token: str, *, api_url: str = "https://api.telegram.org") -> None:
        self.api_url = api_url
        if not _TOKEN.fullmatch(token):
            raise ConfigError("PENDAMPING_TELEGRAM_TOKEN is no bot token (123456:letters); copy it from @BotFather.")
        try:
            self._bot = _PostingBot(
                token,
                base_url=f"{api_url}/bot",
                base_file_url=f"{api_url}/file/bot",
                request=HTTPXRequest(
                    connection_pool_size=32, read_timeout=15, write_timeout=15, connect_timeout=8, pool_timeout=8
                ),
                get_updates_request=HTTPXRequest(connection_pool_size=2, read_timeout=POLL_S + 10, connect_timeout=8),
            )
        except tg.InvalidToken as exc:
            raise ConfigError("PENDAMPING_TELEGRAM_TOKEN is no bot token; copy it again from @BotFather.") from exc

    async def __aenter__(self) -> TelegramBotApi:
        # Bot.initialize would call getMe at once; the gateway must also start while Telegram can't be reached.
        for request in self._bot.requests:
            await request.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for request in self._bot.requests:
            with contextlib.suppress(Exception):
                await request.shutdown()

    async def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make one call. See `bot.ports.BotApi`."""
        result = await self._post(method, params)
        return result if isinstance(result, dict) else {}

    async def get_updates(self, offset: int | None, *, timeout_s: int = POLL_S) -> list[dict[str, Any]]:
        """Return updates from `offset` on as raw JSON; all below it are confirmed and gone.

        Raw, because one update that a library cannot read must not keep the others from being stored.
        """
        params = {"offset": offset, "timeout": timeout_s, "allowed_updates": ALLOWED_UPDATES}
        result = await self._post("getUpdates", {k: v for k, v in params.items() if v is not None})
        if not isinstance(result, list):
            raise DeliveryUnsureError("getUpdates: expected a list")
        return [item for item in result if isinstance(item, dict)]

    async def username(self) -> str:
        """Return the bot's username. Raises ConfigError for a token that Telegram does not know."""
        return str((await self.call("getMe", {})).get("username", ""))

    async def set_commands(self, commands: Sequence[tuple[str, str]], language_code: str | None = None) -> None:
        """Fill the command menu of private chats."""
        params: dict[str, Any] = {
            "commands": [{"command": name, "description": text} for name, text in commands],
            "scope": {"type": "all_private_chats"},
        }
        await self.call("setMyCommands", params | ({"language_code": language_code} if language_code else {}))

    # -- presence: best effort, see DialogueTurn ----------------------------------------------------

    async def typing(self, chat_id: int) -> None:
        with contextlib.suppress(TransportError, ConfigError):
            await self.call("sendChatAction", {"chat_id": chat_id, "action": "typing"})

    async def answer_tap(self, query_id: str, text: str | None) -> None:
        with contextlib.suppress(TransportError, ConfigError):
            notice = {"text": text[:200]} if text else {}
            await self.call("answerCallbackQuery", {"callback_query_id": query_id, **notice})

    async def _post(self, method: str, params: Mapping[str, Any]) -> Any:
        data = {name: _upload(value) for name, value in params.items()}
        try:
            return await self._bot.post(method, data)
        except tg.TelegramError as exc:
            raise translate(exc) from exc


class _PostingBot(Bot):
    """Opens PTB's way to post any method with ready parameters."""

    async def post(self, method: str, data: dict[str, Any]) -> Any:
        return await self._post(method, data)

    @property
    def requests(self) -> Sequence[Any]:
        return self._request


def _upload(value: Any) -> Any:
    """Turn a stored file (`{"filename", "content"}`, or `"base64"` for no text) into an upload; anything else stays."""
    if isinstance(value, dict) and set(value) == {"filename", "content"}:
        return InputFile(str(value["content"]).encode("utf-8", "replace"), filename=str(value["filename"]))
    if isinstance(value, dict) and set(value) == {"filename", "base64"}:
        return InputFile(base64.b64decode(value["base64"]), filename=str(value["filename"]))
    return value


def translate(exc: tg.TelegramError) -> BotError:
    """Return our error for one of PTB's. A test goes through every class PTB has."""
    if isinstance(exc, tg.RetryAfter):
        # The public attribute warns about its future type; the private one is already of it.
        pause = exc._retry_after
        return RateLimitedError(pause.total_seconds() if isinstance(pause, timedelta) else float(pause))
    if isinstance(exc, tg.ChatMigrated):
        return ChatMovedError(exc.new_chat_id)
    if isinstance(exc, tg.Forbidden):
        return BlockedError(exc.message)
    if isinstance(exc, tg.InvalidToken | tg.EndPointNotFound):
        return ConfigError("Telegram does not know this token. Check PENDAMPING_TELEGRAM_TOKEN (and the API address).")
    if isinstance(exc, tg.Conflict):
        return PollConflictError(exc.message)
    if isinstance(exc, tg.BadRequest):
        return RefusedError(exc.message)
    if isinstance(exc, tg.NetworkError):
        if "Too Many Requests" in exc.message:
            return RateLimitedError(5.0)
        cause = exc.__cause__
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return UnreachableError(type(cause).__name__)
        return DeliveryUnsureError(type(cause).__name__ if cause else type(exc).__name__)
    return DeliveryUnsureError(type(exc).__name__)
