"""Random faults while people and counselors talk: killed, paused, refused, cut off, told twice, database restarted.

After every step the gateway is left alone until it comes to rest; then each word must be on the other side exactly once,
and nobody may have been paged, told or relieved twice. `HANDOFF_FAULTS=1000` runs as many faults (`make test`: a few),
`FAULTS_SEED=…` repeats a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from bot.bootstrap import make_desk
from bot.errors import BotError
from bot.ports import BotApi
from bot.services.engine import Engine
from bot.services.texts import load_texts
from bot.settings import load_settings
from bot.store import outbox
from bot.store.database import Database
from bot.store.handoff_models import Case, CaseEvent, CaseMessage
from bot.store.retention import oldest_unfinished
from bot.telegram.incoming import parse_update
from tests.doubles import fake_care
from tests.handoff_bench import STAFF, Bench, bench_on
from tests.telegram_double import Member, TelegramDouble

FAULTS = int(os.environ.get("HANDOFF_FAULTS", "40"))
API_FAULTS = ("rate_limit", "server_error", "drop_before", "drop_after", "malformed", "slow")
KINDS = (*API_FAULTS, "kill", "redelivery", "database_restart")


class DyingApi:
    """Makes a few calls, then never comes back from one: what a process looks like from outside when it is killed."""

    def __init__(self, api: BotApi, *, calls_left: int, after: bool) -> None:
        self._api = api
        self._calls_left = calls_left
        self._after = after
        self.died = asyncio.Event()

    async def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self._calls_left -= 1
        if self._calls_left >= 0:
            return await self._api.call(method, params)
        if self._after and not self.died.is_set():
            with contextlib.suppress(BotError):
                await self._api.call(method, params)
        self.died.set()
        await asyncio.Event().wait()
        raise AssertionError("a dead process answers nothing")


class World:
    """Three people and two counselors who keep talking, and what must have arrived."""

    def __init__(self, bench: Bench, chance: random.Random, data_dir: Path) -> None:
        self.bench = bench
        self.chance = chance
        self.data_dir = data_dir
        self.people: dict[int, Member] = {}
        self.counselors: dict[int, Member] = {}
        self.to_staff: list[str] = []
        self.to_people: list[tuple[int, str]] = []
        self.risks: list[str] = []
        self.count = 0
        self.happened: Counter[str] = Counter()

    # -- what they do ------------------------------------------------------------------------------

    async def act(self) -> None:
        self.count += 1
        cases = [row for row in await self.bench.cases() if row.state != "closed"]
        free = [row for row in cases if row.state == "open"]
        held = [row for row in cases if row.state in {"acknowledged", "talking"}]
        choice = self.chance.random()
        if free and choice < 0.3:
            row = self.chance.choice(free)
            for member in self.chance.sample(list(self.counselors.values()), 2):
                member.tap_data(f"c:take:{row.id}")
        elif held and choice < 0.6:
            await self._counselor_says(self.chance.choice(held))
        elif held and choice < 0.68:
            row = self.chance.choice(held)
            holder = self.counselors[9000 + (row.counselor_id or 0)]
            holder.tap_data(f"c:close:{row.id}")
        else:
            await self._person_says()

    async def _person_says(self) -> None:
        chat_id, person = self.chance.choice(list(self.people.items()))
        async with self.bench.database.read() as db:
            from bot.store.people import find_person

            row = await find_person(db, chat_id)
            assert row is not None
            relayed = await self.bench.desk.open_handoff(db, row)
        words = f"kata-{self.count}."
        if not relayed or self.chance.random() < 0.2:
            words = f"L2 {words}"
            self.risks.append(words)
        else:
            self.to_staff.append(words)
        person.say(words)

    async def _counselor_says(self, row: Case) -> None:
        async with self.bench.database.read() as db:
            statement = select(CaseMessage.staff_message_id).where(
                CaseMessage.case_id == row.id, CaseMessage.staff_message_id.is_not(None)
            )
            known = list((await db.execute(statement)).scalars())
            from bot.store.people import chat_id_of, get_person

            person = await get_person(db, row.person_id)
            assert person is not None
            chat_id = chat_id_of(db, person)
        words = f"jawab-{self.count}."
        self.to_people.append((chat_id, words))
        self.counselors[9000 + (row.counselor_id or 0)].say(words, reply_to=max(i for i in known if i is not None))

    # -- what goes wrong ---------------------------------------------------------------------------

    async def fault(self) -> None:
        kind = self.chance.choice(KINDS)
        self.happened[kind] += 1
        if kind in API_FAULTS:
            options = {"retry_after": 1} if kind == "rate_limit" else {"seconds": 0.05} if kind == "slow" else {}
            method = self.chance.choice(["sendMessage", "sendMessage", "editMessageText", None])
            self.bench.double.fault(method, kind, times=self.chance.randint(1, 2), **options)
            await self._work()
        elif kind == "redelivery":
            await self._work()
            with self.bench.double.lock:
                for update in self.chance.sample(self.bench.seen[-8:], min(3, len(self.bench.seen))):
                    self.bench.double.redeliver(update)
            self.bench.offset = None
        elif kind == "kill":
            await self._kill()
        else:
            working = asyncio.create_task(self._work())
            await asyncio.sleep(self.chance.uniform(0.0, 0.12))
            await self._restart_database()
            await working

    async def _work(self) -> None:
        for _ in range(6):
            try:
                await self.bench.settle()
            except BotError:  # the engine's loops log this and go on
                await asyncio.sleep(0.05)
            else:
                return

    async def _kill(self) -> None:
        """Die in the middle of a call, before or after Telegram took it; a gateway with nothing but the rows goes on.

        (`test_crash.py` kills a whole process at any moment.)
        """
        engine = self.bench.engine
        dying = DyingApi(self.bench.api, calls_left=self.chance.randint(0, 3), after=self.chance.random() < 0.5)
        engine._delivery._api = dying
        working = asyncio.create_task(self._work())
        await asyncio.wait([working, asyncio.create_task(dying.died.wait())], return_when="FIRST_COMPLETED", timeout=10)
        tasks = [working, *engine._delivery._tasks, *engine._running, *engine._side]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        dying.died.set()
        desk = make_desk(
            load_settings(None, data_dir=self.data_dir, staff_chat_id=STAFF), fake_care(), texts=load_texts(),
            staff_chat_id=STAFF,
        )  # fmt: skip
        self.bench.engine = Engine(
            self.bench.database, desk, api=self.bench.api, model=self.bench.dialogue, parse=parse_update,
            clock=self.bench.clock, worker_id="local", presence=self.bench.api, paced=False,
        )  # fmt: skip
        await self.bench.engine._take_up_left_work()

    async def _restart_database(self) -> None:
        database = self.bench.database
        if database.is_sqlite:
            return  # a file has no server
        import asyncpg

        url = database.engine.url.set(drivername="postgresql", database="postgres")
        admin = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=5)
        try:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database.engine.url.database
            )
        finally:
            await admin.close()

    async def rest(self) -> None:
        """Let time pass until nothing waits any more."""
        for _ in range(80):
            await self._work()
            async with self.bench.database.read() as db:
                if await outbox.count_pending(db) == 0 and await oldest_unfinished(db) is None:
                    return
            self.bench.clock.forward(3)
            async with self.bench.database.write() as db:
                await outbox.release(db, self.bench.clock())
        async with self.bench.database.read() as db:
            columns = "method, dedup_key, state, attempts, unsure, error_code, not_before, lease_until"
            left = (await db.execute(text(f"SELECT {columns} FROM outbox WHERE state IN ('pending', 'sending')"))).all()
        raise AssertionError(f"never delivered: {left}")

    # -- what must hold ----------------------------------------------------------------------------

    async def check(self) -> None:
        staff = self.bench.staff.texts()
        shown = [one for sent in self.bench.staff.sent for one in (sent.text, *sent.edits)]  # cards change
        for words in self.to_staff:
            assert sum(words in one for one in staff if not _is_card(one)) == 1, (words, staff[-12:])
        for words in self.risks:
            assert any(words in one for one in shown), words
        for chat_id, words in self.to_people:
            assert sum(words in one for one in self.people[chat_id].texts()) == 1, words
        async with self.bench.database.read() as db:
            events = Counter((await db.execute(select(CaseEvent.kind))).scalars())
            dead = (await db.execute(text("SELECT count(*) FROM outbox WHERE state = 'dead'"))).scalar_one()
            undone = (await db.execute(text("SELECT count(*) FROM inbox WHERE state = 'dead'"))).scalar_one()
        everything = [one for person in self.people.values() for one in person.texts()]
        assert sum("sudah membaca pesannya dan sekarang" in one for one in everything) == events["taken"]
        assert sum("sudah selesai. Mulai sekarang" in one for one in everything) == events["closed"]
        assert sum("✋" in one for one in staff) == events["taken"]
        # The one refusal that is right: the group has no topics.
        assert (dead, undone) == (1, 0)


def _is_card(shown: str) -> bool:
    return "menunggu sejak" in shown


async def test_faults_lose_and_double_nothing(double: TelegramDouble, database: Database, tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    print(f"FAULTS_SEED={seed}")
    chance = random.Random(seed)
    async with bench_on(double, database, tmp_path) as bench:
        world = World(bench, chance, tmp_path)
        for number in (1, 2):
            world.counselors[9000 + number] = await bench.counselor(9000 + number, f"Konselor {number}")
        for number in range(3):
            world.people[100 + number] = await bench.person(100 + number, f"P{number}")
        await bench.says(world.people[100], "L2 mulai")
        for step in range(max(FAULTS // 2, 1)):  # on each of two databases
            await world.act()
            await world.fault()
            await world.rest()
            if step % 10 == 9:
                await world.check()
        double.clear_faults()
        await world.rest()
        await world.check()
        print(dict(world.happened), f"{len(world.to_staff)} relays in, {len(world.to_people)} out")
