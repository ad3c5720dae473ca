"""Keeps everything moving: takes updates in, runs both stages, delivers, and does what is due.

One engine a process. Edges call `accept`; each loop catches its own errors, logs them and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import BotError
from bot.ports import BotApi, ChatKind, DialogueModel, Incoming
from bot.services.delivery import Delivery
from bot.services.dialogue_turn import DialogueTurn, Presence
from bot.services.reception import Next, Outcome, Reception
from bot.services.risk_path import URGENT, Raised, Words, escalate, escalate_silence
from bot.services.turn import Desk, Turn, language_of
from bot.store import inbox, kv, outbox, people
from bot.store.database import Database, vault_of
from bot.store.inbox import NewUpdate
from bot.store.models import InboxRow, InboxState
from bot.store.retention import purge
from bot.store.utterances import add_utterance

log = structlog.get_logger()

IDLE_S = 0.5
TICK_S = 1.0
LEASE_S = 15.0
PURGE_EVERY = timedelta(hours=1)
RECEPTION_TRIES = 4


class Engine:
    """Joins inbox, reception, dialogue, outbox and clock.

    Args:
        parse: The edge's parser from a stored payload to an update.
        worker_id: This process's name in claims and leases.
        dialogue_workers: Dialogue turns at the same time.
        dialogue_ready: Set once the dialogue model is up; turns wait for it, risk does not.
    """

    def __init__(
        self,
        database: Database,
        desk: Desk,
        *,
        api: BotApi,
        model: DialogueModel,
        parse: Callable[[dict[str, Any]], Incoming],
        clock: Callable[[], datetime],
        worker_id: str,
        presence: Presence | None = None,
        dialogue_workers: int = 8,
        dialogue_ready: asyncio.Event | None = None,
        lease_s: float = 60.0,
        send_rate_per_s: float = 30.0,
        payload_days: int = 7,
        paced: bool = True,
    ) -> None:
        self._database = database
        self._desk = desk
        self._parse = parse
        self._clock = clock
        self._worker_id = worker_id
        self._presence = presence
        self._dialogue_workers = dialogue_workers
        self._dialogue_ready = dialogue_ready
        self._lease_s = lease_s
        self._payload_days = payload_days
        self._reception = Reception(desk, parse)
        self._turns = DialogueTurn(database, desk, model, parse, worker_id=worker_id, clock=clock, presence=presence)
        self._delivery = Delivery(
            database,
            api,
            desk.escalations,
            worker_id=worker_id,
            clock=clock,
            rate_per_s=send_rate_per_s,
            lease_s=lease_s,
            staff_chat_id=desk.staff_chat_id,
            paced=paced,
        )
        self._new = asyncio.Event()
        self._dialogue = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._side: set[asyncio.Task[None]] = set()
        self._purged_at: datetime | None = None

    async def accept(self, updates: Sequence[NewUpdate]) -> int:
        """Store updates durably; returns how many were new. Raises StoreError: then nothing was acknowledged."""
        async with self._database.write() as db:
            added = await inbox.store_updates(db, updates, self._clock())
        self._new.set()
        return added

    async def run(self) -> None:
        """Work until cancelled."""
        await self._take_up_left_work()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop(self._receive_new, self._new), name="reception")
            group.create_task(self._loop(self._start_turns, self._dialogue), name="dialogue")
            group.create_task(self._delivery.run(), name="delivery")
            group.create_task(self._tick_forever(), name="ticker")

    async def _take_up_left_work(self) -> None:
        async with self._database.write() as db:
            rows = await inbox.release_worker(db, self._worker_id)
            calls = await outbox.release(db, self._clock(), worker_id=self._worker_id)
        if rows or calls:
            log.info("engine.took_up_work", count=rows, pending=calls)

    async def _loop(self, step: Callable[[], Any], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                more = await step()
            except BotError:
                log.exception("engine.step_failed", step=step.__name__)
                await asyncio.sleep(1.0)
                continue
            except Exception:  # entry point: the loop outlives any error in a step
                log.exception("engine.step_failed", step=step.__name__)
                await asyncio.sleep(0.2)
                continue
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await wake.wait()

    # -- first stage -------------------------------------------------------------------------------

    async def _receive_new(self) -> bool:
        answers: list[tuple[str, str | None]] = []
        failed: list[InboxRow] = []
        async with self._database.write() as db:
            rows = await inbox.take_new(db, self._clock())
            for row in rows:
                structlog.contextvars.clear_contextvars()
                try:
                    async with db.begin_nested():
                        tap = await self._receive_one(db, row)
                except BotError:
                    raise  # the database is in trouble, not the row
                except Exception:  # entry point of an update
                    log.exception("update.failed", update_id=row.update_id, attempts=row.attempts)
                    failed.append(row)
                    continue
                if tap is not None:
                    answers.append(tap)
            for row in failed:
                await self._count_failure(db, row)
            # Turns are claimed here as well: one transaction less before the model is asked.
            claimed = await self._claim_turns(db) if rows else []
            more = bool(rows) and await inbox.has_new(db, self._clock())
        structlog.contextvars.clear_contextvars()
        self._start(claimed)
        if rows:
            self._delivery.wake()
        for query_id, notice in answers:
            self._in_background(self._answer_tap(query_id, notice))
        return more

    async def _receive_one(self, db: AsyncSession, row: InboxRow) -> tuple[str, str | None] | None:
        now = self._clock()
        update = self._parse(inbox.payload_of(db, row))
        outcome: Outcome = await self._reception.receive(db, update, now)
        row = await db.merge(row) if row not in db else row
        if outcome.forget is not None:
            row.payload_enc = vault_of(db).seal_json({"forget": outcome.forget})
        row.utterance_id = outcome.utterance_id
        if outcome.release:
            await self._take_up_held(db, update, now)
        if outcome.next is Next.HOLD:
            row.state = InboxState.HELD.value
        elif outcome.next is Next.DIALOGUE or outcome.forget is not None:
            row.state, row.attempts, row.not_before = InboxState.DIALOGUE.value, 0, None
        else:
            row.state, row.done_at = InboxState.DONE.value, now
        await db.flush()
        return (update.tap.query_id, outcome.notice) if update.tap is not None else None

    async def _take_up_held(self, db: AsyncSession, update: Incoming, now: datetime) -> None:
        """Answer what waited for consent or for a no to the safety question; it was screened when it came."""
        person = await people.find_person(db, update.chat_id)
        for row in await inbox.held_rows(db, vault_of(db).chat_key(update.chat_id)):
            said = self._parse(inbox.payload_of(db, row))
            if person is not None and row.utterance_id is None:
                kept = await add_utterance(db, person.id, said.text, now, message_id=said.message_id)
                row.utterance_id = kept.id
            row.state, row.attempts = InboxState.DIALOGUE.value, 0

    async def _count_failure(self, db: AsyncSession, row: InboxRow) -> None:
        """Try again later; after the last try keep the row as dead, call a human and say so."""
        now = self._clock()
        await db.refresh(row)
        row.attempts += 1
        if row.attempts < RECEPTION_TRIES:
            row.not_before = now + timedelta(seconds=0.5 * 2**row.attempts)
            await db.flush()
            return
        row.state, row.done_at, row.error_code = InboxState.DEAD.value, now, "reception"
        await db.flush()
        log.error("update.dead", update_id=row.update_id)
        try:
            async with db.begin_nested():
                update = self._parse(inbox.payload_of(db, row))
                if update.chat_kind is not ChatKind.PRIVATE:
                    return
                person = await people.get_or_create(db, update.chat_id, now)
                turn = Turn(db, self._desk, update, person, now, language_of(person))
                # What could not be screened may have been a cry for help: no error lowers a risk.
                unread = Raised(URGENT, ("distress",), (Words("", "not_processed"),))
                await escalate(turn, unread, update.text)
        except Exception:  # the row is kept and logged; nothing more can be done for it here
            log.exception("update.dead_without_answer", update_id=row.update_id)

    async def _answer_tap(self, query_id: str, notice: str | None) -> None:
        if self._presence is not None:
            await self._presence.answer_tap(query_id, notice)

    def _in_background(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    # -- second stage ------------------------------------------------------------------------------

    async def _start_turns(self) -> bool:
        if self._room() <= 0:
            return False
        async with self._database.read() as db:  # reading keeps out of the writers' way
            waiting = await inbox.has_dialogue(db, self._clock())
        if waiting:
            async with self._database.write() as db:
                rows = await self._claim_turns(db)
            self._start(rows)
        return False

    def _room(self) -> int:
        """Return how many turns may begin now: none until the dialogue model is up."""
        if self._dialogue_ready is not None and not self._dialogue_ready.is_set():
            return 0
        return self._dialogue_workers - len(self._running)

    async def _claim_turns(self, db: AsyncSession) -> list[InboxRow]:
        room = self._room()
        if room <= 0:
            return []
        return await inbox.claim_dialogue(
            db, self._clock(), worker_id=self._worker_id, lease_s=self._lease_s, limit=room
        )

    def _start(self, rows: Sequence[InboxRow]) -> None:
        for row in rows:
            task = asyncio.create_task(self._turns.run(row))
            self._running.add(task)
            task.add_done_callback(self._turn_finished)

    def _turn_finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._delivery.wake()
        self._dialogue.set()

    # -- clock -------------------------------------------------------------------------------------

    async def _tick_forever(self) -> None:
        lease_until: datetime | None = None
        while True:
            now = self._clock()
            try:
                if lease_until is None or now > lease_until - timedelta(seconds=LEASE_S / 2):
                    async with self._database.write() as db:
                        held = await kv.hold_lease(db, "ticker", self._worker_id, now, lease_s=LEASE_S)
                    lease_until = now + timedelta(seconds=LEASE_S) if held else None
                if lease_until is not None:
                    await self._tick(now)
            except BotError:
                log.exception("tick.failed")
            except Exception:  # entry point: the clock must go on
                log.exception("tick.failed")
            await asyncio.sleep(TICK_S)

    async def _tick(self, now: datetime) -> None:
        """Each part in its own transaction: one that fails does not hold the others back."""
        for part in (self._escalate_silence, self._desk.escalations.tick, self._release, self._purge):
            try:
                async with self._database.write() as db:
                    await part(db, now)
            except Exception:  # entry point of each part
                log.exception("tick.part_failed", step=part.__name__)
        self._delivery.wake()

    async def _escalate_silence(self, db: AsyncSession, now: datetime) -> None:
        await escalate_silence(db, self._desk, now)

    async def _release(self, db: AsyncSession, now: datetime) -> None:
        released = await outbox.release(db, now)
        if released:
            log.warning("outbox.released", count=released)

    async def _purge(self, db: AsyncSession, now: datetime) -> None:
        if self._purged_at is not None and now - self._purged_at <= PURGE_EVERY:
            return
        rows = await purge(db, now, retention_days=self._desk.retention_days, payload_days=self._payload_days)
        self._purged_at = now
        if rows:
            log.info("retention.purged", rows=rows)
