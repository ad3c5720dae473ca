"""A gateway that moves only when a test says so, on a clock the test sets: for deadlines, shifts and check-ins.

Everything is real (Bot API double over HTTP, python-telegram-bot, database, outbox) but the loops: `settle()` takes in
what the double holds, handles it and delivers until nothing is left; `later()` moves the clock and lets the ticker act.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.bootstrap import make_desk
from bot.care import load_care
from bot.services.engine import Engine
from bot.services.escalation import CaseDesk
from bot.services.roster import create_code
from bot.services.texts import load_texts
from bot.settings import load_settings
from bot.store import people
from bot.store.database import Database
from bot.store.handoff_models import Case
from bot.telegram.bot_api import TelegramBotApi
from bot.telegram.incoming import parse_update, to_new_update
from tests.doubles import Clock, FakeDialogue, fake_care
from tests.telegram_double import Chat, Member, TelegramDouble

STAFF = -1001000
ROOT = Path(__file__).resolve().parent.parent
MONDAY_NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""Monday 12.00 WIB."""


@dataclass
class SteppingClock(Clock):
    """Never says the same moment twice, like a real one."""

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass
class Bench:
    double: TelegramDouble
    database: Database
    engine: Engine
    desk: CaseDesk
    api: TelegramBotApi
    dialogue: FakeDialogue
    clock: Clock
    staff: Chat
    offset: int | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)

    # -- moving ------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Take in, handle and deliver everything that waits."""
        for _ in range(200):
            updates = await self.api.get_updates(self.offset, timeout_s=0)
            if updates:
                self.offset = max(update["update_id"] for update in updates) + 1
                self.seen += updates
                await self.engine.accept([new for raw in updates if (new := to_new_update(raw)) is not None])
            handled = await self.engine._receive_new()
            await self.engine._start_turns()
            if self.engine._running:
                await asyncio.wait(self.engine._running)
                handled = True
            if self.engine._side:
                await asyncio.wait(self.engine._side)
            delivered = await self._deliver()
            if not (updates or handled or delivered):
                return
        raise AssertionError("the gateway does not come to rest")

    async def _deliver(self) -> bool:
        delivery = self.engine._delivery
        any_sent = False
        while await delivery._start_what_may_leave() == 0.0 or delivery._tasks:
            any_sent = True
            if delivery._tasks:
                await asyncio.wait(delivery._tasks)
        return any_sent

    async def tick(self) -> None:
        async with self.database.write() as db:
            await self.desk.tick(db, self.clock.now)
        await self.settle()

    async def later(self, *, minutes: float = 0, hours: float = 0, step_s: float = 30) -> None:
        """Let time pass, with a tick every `step_s` seconds."""
        end = self.clock.now + timedelta(minutes=minutes, hours=hours)
        while self.clock.now < end:
            self.clock.now = min(self.clock.now + timedelta(seconds=step_s), end)
            await self.tick()

    # -- who is there ------------------------------------------------------------------------------

    async def person(self, chat_id: int, name: str = "Siti", *, role: str = "resident", pseudonym: str = "") -> Member:
        """Somebody who agreed and chose a role."""
        async with self.database.write() as db:
            row = await people.get_or_create(db, chat_id, self.clock.now, name=name)
            row.consent_at, row.role = self.clock.now, role
            row.pseudonym = pseudonym or row.pseudonym
        return self.double.person(chat_id, name)

    async def counselor(self, user_id: int, name: str, *, supervisor: bool = False, private: bool = False) -> Member:
        """Somebody who registered with a code, in the group or in private."""
        member = self.staff.member(user_id, name)
        async with self.database.write() as db:
            code = await create_code(db, name, self.clock.now, is_supervisor=supervisor)
        where = self.double.person(user_id, name) if private else member
        where.say(f"/daftar {code}")
        await self.settle()
        return member

    async def cases(self) -> list[Case]:
        async with self.database.read() as db:
            return list((await db.execute(select(Case).order_by(Case.id))).scalars())

    async def case(self) -> Case:
        (row,) = await self.cases()
        return row

    # -- what was said -----------------------------------------------------------------------------

    def said(self, who: Member | Chat, *, since: int = 0) -> str:
        return "\n".join(who.texts()[since:])

    def notice(self, query_id: str) -> str:
        """What a counselor saw after tapping."""
        return self.double.answered[query_id]

    async def taps(self, member: Member, title: str, *, message_id: int | None = None) -> str:
        """Tap, settle, and return the notice."""
        query = member.tap(title, message_id=message_id)
        await self.settle()
        return self.notice(query)

    async def says(self, member: Member, text: str, **where: Any) -> int:
        message_id = member.say(text, **where)
        await self.settle()
        return message_id


@asynccontextmanager
async def bench_on(
    double: TelegramDouble, database: Database, data_dir: Path, *, forum: bool = False, staff_id: int | None = STAFF,
    worker_id: str = "local", clock: Clock | None = None, real_care: bool = False, **settings: Any,
) -> AsyncIterator[Bench]:  # fmt: skip
    care, dialogue = load_care(load_texts(), ROOT / "var") if real_care else fake_care(), FakeDialogue()
    clock = clock or SteppingClock(MONDAY_NOON)
    configured = load_settings(None, data_dir=data_dir, staff_chat_id=staff_id, **settings)
    desk = make_desk(configured, care, texts=load_texts(), staff_chat_id=staff_id)
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        engine = Engine(
            database, desk, api=api, model=dialogue, parse=parse_update, clock=clock, worker_id=worker_id,
            presence=api, paced=False,
        )  # fmt: skip
        assert isinstance(desk.escalations, CaseDesk)
        yield Bench(
            double,
            database,
            engine,
            desk.escalations,
            api,
            dialogue,
            clock,
            double.group(STAFF, "Konselor", forum=forum),
        )
