"""Delivers the outbox: in order per chat and lane, priority first, within Telegram's limits, until it is delivered.

A row is marked SENDING before its call and SENT after it. A row found SENDING without a living sender is unsure and is
probed first (`probe.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import (
    BlockedError,
    BotError,
    ChatMovedError,
    ConfigError,
    DeliveryUnsureError,
    RateLimitedError,
    RefusedError,
    TransportError,
)
from bot.ports import BotApi, Escalations, Lane
from bot.services.cleaning import cut_middle
from bot.services.limits import Limits
from bot.services.probe import SPAN, can_probe, find_delivered, is_unmodified
from bot.store import kv, outbox
from bot.store.database import Database
from bot.store.outbox import Candidate, Claimed
from bot.store.people import find_person

log = structlog.get_logger()

IN_FLIGHT = 16
IN_FLIGHT_RESERVED = 4
"""Calls at the same time, and how many of them only the priority lane may use."""

BARE_TEXT_LIMIT = 2_000
"""Characters of a text sent for the second time without anything else: within Telegram's limit in any script."""

LONGEST_PAUSE_S = 60.0
IDLE_S = 1.0
"""Longest sleep without a wake-up: another gateway, or a tick, may have queued something."""


class Delivery:
    """One process's sender.

    Args:
        paced: Keep to Telegram's limits (the terminal has none).
    """

    def __init__(
        self,
        database: Database,
        api: BotApi,
        escalations: Escalations,
        *,
        worker_id: str,
        clock: Callable[[], datetime],
        rate_per_s: float = 30.0,
        lease_s: float = 60.0,
        staff_chat_id: int | None = None,
        paced: bool = True,
    ) -> None:
        self._database = database
        self._api = api
        self._escalations = escalations
        self._worker_id = worker_id
        self._clock = clock
        self._lease_s = lease_s
        self._staff_chat_id = staff_chat_id
        self._paced = paced
        self._limits = Limits(rate_per_s)
        self._wake = asyncio.Event()
        self._outcomes: list[tuple[Claimed, Mapping[str, Any] | BotError]] = []
        self._storing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; then wait for the calls under way, so that their outcome is stored."""
        try:
            while True:
                self._wake.clear()
                try:
                    pause = await self._start_what_may_leave()
                except Exception:  # entry point: the sender outlives any error
                    log.exception("outbox.unavailable")
                    await asyncio.sleep(IDLE_S)
                    pause = IDLE_S
                if pause > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(min(pause, IDLE_S)):
                            await self._wake.wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=15)

    async def _start_what_may_leave(self) -> float:
        """Claim and start what may be sent now. Returns seconds until more may be possible (0: look again at once)."""
        if len(self._tasks) >= IN_FLIGHT:
            return IDLE_S
        async with self._database.read() as db:
            candidates = await outbox.find_candidates(db, self._clock())
        chosen, pause = self._choose(candidates)
        if not chosen:
            return pause
        async with self._database.write() as db:
            rows = await outbox.claim(
                db,
                [candidate.outbox_id for candidate in chosen],
                self._clock(),
                worker_id=self._worker_id,
                lease_s=self._lease_s,
            )
        now = time.monotonic()
        for row in rows:
            self._limits.take(row.chat_key, is_group=row.is_group, now=now)
            task = asyncio.create_task(self._deliver(row))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
        await asyncio.sleep(0)  # let the calls begin before the next look
        return 0.0 if rows else 0.05

    def _choose(self, candidates: list[Candidate]) -> tuple[list[Candidate], float]:
        now = time.monotonic()
        pause = IDLE_S
        chosen: list[Candidate] = []
        chats: set[str] = set()
        for candidate in candidates:
            priority = candidate.lane is Lane.PRIORITY
            room = IN_FLIGHT - len(self._tasks) - len(chosen) - (0 if priority else IN_FLIGHT_RESERVED)
            if room <= 0 or candidate.chat_key in chats:
                continue
            wait = self._limits.wait_s(candidate.chat_key, is_group=candidate.is_group, priority=priority, now=now)
            if wait > 0 and self._paced:
                pause = min(pause, wait)
                continue
            chosen.append(candidate)
            chats.add(candidate.chat_key)
            if not priority and len(chosen) >= 8:
                break
        return chosen, max(pause, 0.005)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    async def _deliver(self, row: Claimed) -> None:
        structlog.contextvars.clear_contextvars()
        outcome: Mapping[str, Any] | BotError
        try:
            outcome = await self._send(row)
        except (TransportError, ConfigError) as exc:
            outcome = exc
        except Exception as exc:  # entry point: a row that breaks must not stop the others
            log.exception("outbox.send_failed", outbox_id=row.outbox_id, method=row.method)
            outcome = DeliveryUnsureError(type(exc).__name__)
        self._outcomes.append((row, outcome))
        # Whoever comes first stores what has gathered: under load many outcomes share one transaction.
        async with self._storing:
            gathered, self._outcomes = self._outcomes, []
            if gathered:
                await self._store(gathered)

    async def _send(self, row: Claimed) -> Mapping[str, Any]:
        if row.unsure and can_probe(row.method, row.probe_after) and row.probe_after is not None:
            async with self._database.read() as db:
                known = await outbox.known_message_ids(
                    db,
                    after=row.probe_after,
                    up_to=row.probe_after + SPAN,
                    chat_key=row.chat_key,
                    is_group=row.is_group,
                )
            found = await find_delivered(self._api, row.chat_id, row.params, probe_after=row.probe_after, known=known)
            if found is not None:
                log.info("outbox.proved_delivered", outbox_id=row.outbox_id)
                return {"message_id": found}
            log.info("outbox.not_proved", outbox_id=row.outbox_id, attempts=row.attempts)
        params = {"chat_id": row.chat_id, **row.params}
        try:
            return await self._api.call(row.method, params)
        except RefusedError as exc:
            if row.method.startswith("edit") and is_unmodified(exc):
                return {}
            if row.method != "sendMessage" or row.lane is not Lane.PRIORITY:
                raise
            # A crisis reply or a page must arrive even where its buttons or its topic are refused.
            log.error("outbox.bare_text", outbox_id=row.outbox_id, code=refusal_code(exc.reason))
            text = cut_middle(row.params["text"], BARE_TEXT_LIMIT)
            return await self._api.call("sendMessage", {"chat_id": row.chat_id, "text": text})

    async def _store(self, outcomes: Sequence[tuple[Claimed, Mapping[str, Any] | BotError]]) -> None:
        """Store what became of calls. A failure here leaves rows SENDING: they are probed after their lease."""
        try:
            async with self._database.write() as db:
                for row, outcome in outcomes:
                    if isinstance(outcome, BotError):
                        await self._store_failure(db, row, outcome)
                    else:
                        await self._store_success(db, row, outcome)
        except Exception:  # the calls are made; whatever happens now must not end the sender
            log.exception("outbox.outcome_not_stored", outbox_id=outcomes[0][0].outbox_id, count=len(outcomes))
            if len(outcomes) > 1:
                for single in outcomes:
                    await self._store([single])

    async def _store_success(self, db: AsyncSession, row: Claimed, result: Mapping[str, Any]) -> None:
        now = self._clock()
        raw_id = result.get("message_id")
        message_id = int(raw_id) if raw_id is not None else None
        if not await outbox.mark_sent(db, row, now, worker_id=self._worker_id, message_id=message_id):
            return
        if row.ref is not None:
            await self._tell(db, "outbox.ref_failed", row, self._escalations.delivered, message_id, result, now)
        log.info(
            "outbox.sent",
            outbox_id=row.outbox_id,
            method=row.method,
            lane=row.lane.value,
            attempts=row.attempts,
            duration_ms=round((now - row.created_at).total_seconds() * 1000),
        )

    async def _store_failure(self, db: AsyncSession, row: Claimed, error: BotError) -> None:
        now = self._clock()
        worker = self._worker_id
        if isinstance(error, RateLimitedError):
            self._limits.note_pause(row.chat_key, error.retry_after_s, time.monotonic())
            until = now + timedelta(seconds=error.retry_after_s + 0.1)
            await outbox.postpone(db, row, until, worker_id=worker, code=error.code, unsure=False, whole_chat=True)
            log.warning("outbox.rate_limited", outbox_id=row.outbox_id, delay_s=error.retry_after_s)
        elif isinstance(error, ChatMovedError):
            await outbox.postpone(db, row, now, worker_id=worker, code=error.code, unsure=False, whole_chat=False)
            await self._follow_chat(db, row.chat_id, error.new_chat_id, now)
        elif isinstance(error, BlockedError | RefusedError):
            code = error.code if isinstance(error, BlockedError) else refusal_code(error.reason)
            await outbox.mark_dead(db, row, now, worker_id=worker, code=code)
            # A group without topics is as good as one with them: replies to the case card are relayed instead.
            tell = log.info if code == "no_forum" else log.error
            tell("outbox.dead", outbox_id=row.outbox_id, method=row.method, lane=row.lane.value, code=code)
            if isinstance(error, BlockedError) and not row.is_group:
                await self._mark_blocked(db, row, now)
            if row.ref is not None:
                await self._tell(db, "outbox.ref_failed", row, self._escalations.undeliverable, code, now)
        else:
            pause = backoff_s(row.attempts)
            await outbox.postpone(
                db,
                row,
                now + timedelta(seconds=pause),
                worker_id=worker,
                code=getattr(error, "code", "config"),
                unsure=isinstance(error, DeliveryUnsureError),
                whole_chat=False,
            )
            log.warning(
                "outbox.postponed",
                outbox_id=row.outbox_id,
                attempts=row.attempts,
                delay_s=round(pause, 1),
                code=getattr(error, "code", "config"),
            )

    async def _mark_blocked(self, db: AsyncSession, row: Claimed, now: datetime) -> None:
        person = await find_person(db, row.chat_id)
        if person is not None and person.blocked_at is None:
            person.blocked_at = now
            await self._escalations.person_blocked(db, person, now)

    async def _follow_chat(self, db: AsyncSession, old: int, new: int, now: datetime) -> None:
        await outbox.move_chat(db, old, new)
        configured = self._staff_chat_id
        if configured is not None and old == await kv.staff_chat_id(db, configured):
            await kv.set_value(db, f"{kv.STAFF_CHAT}:{configured}", str(new), now)
        log.warning("chat.moved")

    async def _tell(self, db: AsyncSession, event: str, row: Claimed, hook: Any, *args: Any) -> None:
        try:
            async with db.begin_nested():
                await hook(db, row.ref, *args)
        except Exception:  # the send happened; whoever wanted to hear of it must not undo that
            log.exception(event, outbox_id=row.outbox_id)


def backoff_s(attempts: int) -> float:
    """Return the pause before the next try, with jitter so that many rows do not come back together."""
    pause = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(attempts, 10))
    return pause * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


def refusal_code(reason: str) -> str:
    """Return a short code for a refusal, for those who can act on it."""
    known = {
        "thread not found": "thread_gone",
        "topic_": "thread_gone",
        "not enough rights": "no_rights",
        "not a forum": "no_forum",
        "chat not found": "chat_not_found",
        "to edit not found": "message_gone",
        "to copy not found": "message_gone",
        "too long": "too_long",
        "button_data_invalid": "bad_button",
    }
    return next((code for part, code in known.items() if part in reason.lower()), "refused")
