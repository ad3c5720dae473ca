"""Long polling: updates are stored first, and only then confirmed by asking for the next ones.

PTB's own polling confirms before anything is handled; here a crash at any point makes Telegram send the same updates
again, and the inbox knows them by update_id.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.errors import ConfigError, PollConflictError, RateLimitedError, StoreError, TransportError
from bot.store.inbox import NewUpdate
from bot.telegram.bot_api import TelegramBotApi
from bot.telegram.incoming import to_new_update

log = structlog.get_logger()

FORGET_OFFSET_AFTER_S = 5 * 86_400.0
"""After a week without updates Telegram numbers them anew, perhaps lower: an old offset would throw them away unseen.

Source: Bot API, Update.update_id.
"""


class Poller:
    """Fetches updates and stores them.

    Args:
        accept: Stores updates durably, or raises StoreError.
        may_poll: Returns False while another gateway of the same database polls.
    """

    def __init__(
        self,
        api: TelegramBotApi,
        accept: Callable[[Sequence[NewUpdate]], Awaitable[int]],
        *,
        may_poll: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._api = api
        self._accept = accept
        self._may_poll = may_poll
        self._offset: int | None = None
        self._last_update = time.monotonic()
        self._troubled = False

    async def run(self) -> None:
        """Poll until cancelled.

        Raises:
            ConfigError: Telegram does not know the token.
        """
        pause = 0.0
        while True:
            try:
                if self._may_poll is not None and not await self._may_poll():
                    self._offset = None
                    await asyncio.sleep(5.0)
                    continue
                await self._step()
                pause = 0.0
                if self._troubled:
                    self._troubled = False
                    log.info("telegram.reachable")
                continue
            except ConfigError:
                raise
            except PollConflictError:
                # Somebody else takes in this bot's updates, or a webhook is set: say so, and keep asking.
                log.error("telegram.poll_conflict")
                pause = 5.0
                with contextlib.suppress(TransportError):
                    await self._api.call("deleteWebhook", {"drop_pending_updates": False})
            except RateLimitedError as exc:
                pause = exc.retry_after_s
            except TransportError as exc:
                pause = min(30.0, max(0.5, pause * 2))
                if not self._troubled:
                    log.warning("telegram.unreachable", code=exc.code)
                self._troubled = True
            except StoreError:
                # Not confirmed, so nothing is lost: Telegram keeps updates for 24 hours.
                log.exception("inbox.unavailable")
                pause = min(30.0, max(1.0, pause * 2))
            except Exception:  # entry point: whatever goes wrong, Telegram is asked again
                log.exception("telegram.poll_failed")
                pause = min(30.0, max(1.0, pause * 2))
            await asyncio.sleep(pause)

    async def _step(self) -> None:
        if time.monotonic() - self._last_update > FORGET_OFFSET_AFTER_S:
            self._offset = None
        raw = await self._api.get_updates(self._offset)
        if not raw:
            return
        self._last_update = time.monotonic()
        updates = [update for item in raw if (update := to_new_update(item)) is not None]
        if len(updates) < len(raw):
            log.error("update.without_id", count=len(raw) - len(updates))
        await self._accept(updates)
        if updates:
            self._offset = max(update.update_id for update in updates) + 1
