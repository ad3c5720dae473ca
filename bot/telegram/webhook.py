"""Optional webhook: Telegram pushes updates; 200 only after they are stored, so that it repeats what was not."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
import tornado.httpserver
import tornado.web

from bot.errors import ConfigError, RateLimitedError, StoreError, TransportError
from bot.store.inbox import NewUpdate
from bot.telegram.bot_api import ALLOWED_UPDATES, TelegramBotApi
from bot.telegram.incoming import to_new_update

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # a header's name
LARGEST_BODY = 1_000_000
RETRY_S = 5.0

Accept = Callable[[Sequence[NewUpdate]], Awaitable[int]]


class UpdateHandler(tornado.web.RequestHandler):
    """Takes one update a request."""

    def initialize(self, accept: Accept, secret: str) -> None:
        self._accept = accept
        self._secret = secret.encode()

    async def post(self) -> None:
        given = self.request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret):
            self.set_status(403)
            return
        try:
            body = json.loads(self.request.body)
            update = to_new_update(body) if isinstance(body, dict) else None
        except (ValueError, RecursionError):
            update = None
        if update is None:
            log.warning("webhook.no_update")
            self.set_status(400)
            return
        try:
            await self._accept([update])
        except StoreError:
            log.exception("inbox.unavailable")
            self.set_status(503)


def make_application(accept: Accept, *, secret: str, path: str = "/") -> tornado.web.Application:
    """Return the web application; every other path is 404."""
    return tornado.web.Application(
        [(path, UpdateHandler, {"accept": accept, "secret": secret})], log_function=lambda _handler: None
    )


async def serve_webhook(
    api: TelegramBotApi, accept: Accept, *, public_url: str, secret: str, listen: str, port: int
) -> None:
    """Listen, tell Telegram the address, and stay until cancelled.

    Raises:
        ConfigError: The port is taken.
    """
    path = "/" + public_url.split("://", 1)[1].partition("/")[2]
    server = tornado.httpserver.HTTPServer(
        make_application(accept, secret=secret, path=path), max_buffer_size=LARGEST_BODY, xheaders=False
    )
    try:
        server.listen(port, listen)
    except OSError as exc:
        raise ConfigError(f"The webhook can't listen on {listen}:{port}: {exc.strerror}.") from exc
    try:
        await _tell_address(api, {"url": public_url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES})
        log.info("webhook.listening", port=port)
        await asyncio.Event().wait()
    finally:
        server.stop()
        await server.close_all_connections()


async def _tell_address(api: TelegramBotApi, params: dict[str, Any]) -> None:
    while True:
        try:
            await api.call("setWebhook", params)
        except TransportError as exc:
            log.warning("webhook.postponed", code=exc.code)
            await asyncio.sleep(exc.retry_after_s if isinstance(exc, RateLimitedError) else RETRY_S)
        else:
            return
