"""The outbox against the Bot API double with every fault it knows: delivered once, in order, crisis first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from bot.bootstrap import utc_now
from bot.ports import Button, Lane
from bot.services.delivery import Delivery, refusal_code
from bot.services.outgoing import keyboard, say
from bot.store import outbox, people
from bot.store.database import Database
from bot.store.models import OutboxRow, Person
from bot.telegram.bot_api import TelegramBotApi
from tests.telegram_double import TelegramDouble


class Listener:
    """Stands where the escalations stand and writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    async def delivered(self, db: Any, ref: str, message_id: int | None, result: Any, now: datetime) -> None:
        if ref == "broken":
            raise RuntimeError("listener")
        self.heard.append((ref, message_id))

    async def undeliverable(self, db: Any, ref: str, code: str, now: datetime) -> None:
        self.heard.append((ref, code))

    async def person_blocked(self, db: Any, person: Person, now: datetime) -> None:
        self.heard.append(("blocked", person.pseudonym))


class Bench:
    """A sender on a database, and the double it sends to."""

    def __init__(self, double: TelegramDouble, database: Database, api: TelegramBotApi) -> None:
        self.double, self.database, self.api = double, database, api
        self.listener = Listener()
        self.count = 0
        self.task: asyncio.Task[None] | None = None

    async def say(self, chat_id: int, text: str, **options: Any) -> None:
        self.count += 1
        async with self.database.write() as db:
            await say(db, chat_id=chat_id, text=text, key=f"k{self.count}", now=utc_now(), **options)

    def start(self, worker: str = "local", **options: Any) -> Delivery:
        delivery = Delivery(
            self.database,
            self.api,
            self.listener,  # type: ignore[arg-type]  # the three methods a sender calls
            worker_id=worker,
            clock=utc_now,
            **options,
        )
        self.task = asyncio.create_task(delivery.run())
        return delivery

    async def drain(self, timeout_s: float = 40.0) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                async with self.database.read() as db:
                    if await outbox.count_pending(db) == 0:
                        return
                await asyncio.sleep(0.02)

    async def rows(self) -> list[OutboxRow]:
        async with self.database.read() as db:
            return list((await db.execute(select(OutboxRow).order_by(OutboxRow.id))).scalars())


@pytest.fixture
async def bench(double: TelegramDouble, sqlite_database: Database) -> AsyncIterator[Bench]:
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        bench = Bench(double, sqlite_database, api)
        yield bench
        if bench.task is not None:
            bench.task.cancel()
            await asyncio.gather(bench.task, return_exceptions=True)


async def test_order_within_a_chat(bench: Bench) -> None:
    siti = bench.double.person(1)
    for number in range(6):
        await bench.say(1, f"pesan {number}")
    bench.start(paced=False)
    await bench.drain()
    assert siti.texts() == [f"pesan {number}" for number in range(6)]


async def test_priority_overtakes(bench: Bench) -> None:
    siti = bench.double.person(1)
    for number in range(3):
        await bench.say(1, f"pesan {number}")
    await bench.say(1, "krisis", lane=Lane.PRIORITY)
    bench.start(paced=False)
    await bench.drain()
    assert siti.texts()[0] == "krisis"


async def test_pause_of_one_chat_delays_no_other(bench: Bench) -> None:
    siti, budi = bench.double.person(1), bench.double.person(2)
    bench.double.fault("sendMessage", "rate_limit", chat_id=1, retry_after=2)
    await bench.say(1, "biasa")
    await bench.say(2, "krisis", lane=Lane.PRIORITY)
    bench.start()
    await asyncio.to_thread(budi.wait_for, "krisis", timeout_s=1.9)
    assert siti.texts() == []
    await bench.drain()
    assert siti.texts() == ["biasa"]
    sent = [call.at for call in bench.double.called("sendMessage")]
    assert sent[1] - sent[0] >= 1.9


@pytest.mark.parametrize("fault", ["drop_after", "malformed", "drop_before", "server_error"])
async def test_doubtful_send_arrives_once(bench: Bench, fault: str) -> None:
    siti = bench.double.person(1)
    other = bench.double.person(2)
    await bench.say(2, "sebelumnya")
    bench.start()
    await bench.drain()
    other.say("ada id di antaranya")
    bench.double.fault("sendMessage", fault)
    await bench.say(1, "penting", buttons=[Button("Ya", "s:yes")])
    await bench.drain()
    assert siti.texts() == ["penting"]
    assert siti.last().edits == []


async def test_slow_answer_is_waited_for(bench: Bench) -> None:
    siti = bench.double.person(1)
    bench.double.fault("sendMessage", "slow", seconds=0.5)
    await bench.say(1, "pelan")
    bench.start()
    await bench.drain()
    assert siti.texts() == ["pelan"]


async def test_sender_that_died_after_the_send_is_proved(bench: Bench) -> None:
    siti = bench.double.person(1)
    await bench.say(1, "satu")
    bench.start()
    await bench.drain()
    await bench.say(1, "dua")
    async with bench.database.write() as db:
        [found] = await outbox.find_candidates(db, utc_now())
        [row] = await outbox.claim(db, [found.outbox_id], utc_now(), worker_id="dead", lease_s=60)
    await bench.api.call("sendMessage", {"chat_id": 1, **row.params})  # …and dies before it can store that
    async with bench.database.write() as db:
        await outbox.release(db, utc_now(), worker_id="dead")
    await bench.drain()
    assert siti.texts() == ["satu", "dua"]
    assert (await bench.rows())[-1].telegram_message_id == siti.last().message_id


async def test_sender_that_died_before_the_send_sends_again(bench: Bench) -> None:
    siti = bench.double.person(1)
    await bench.say(1, "satu")
    bench.start()
    await bench.drain()
    await bench.say(1, "satu")  # the same words: the first must not pass for the second
    async with bench.database.write() as db:
        [found] = await outbox.find_candidates(db, utc_now())
        await outbox.claim(db, [found.outbox_id], utc_now(), worker_id="dead", lease_s=60)
        await outbox.release(db, utc_now(), worker_id="dead")
    await bench.drain()
    assert siti.texts() == ["satu", "satu"]


async def test_block_is_stored_and_told(bench: Bench) -> None:
    bench.double.person(1)
    async with bench.database.write() as db:
        person = await people.get_or_create(db, 1, utc_now())
    bench.double.fault("sendMessage", "forbidden")
    await bench.say(1, "halo", ref="case:1")
    bench.start()
    await bench.drain()
    assert [(row.state, row.error_code) for row in await bench.rows()] == [("dead", "blocked")]
    assert bench.listener.heard == [("blocked", person.pseudonym), ("case:1", "blocked")]


async def test_refused_ordinary_row_is_dead_and_told(bench: Bench) -> None:
    bench.double.person(1)
    bench.double.fault("sendMessage", "bad_request", description="Bad Request: message thread not found")
    await bench.say(1, "halo", ref="case:1")
    await bench.say(1, "berikutnya")
    bench.start()
    await bench.drain()
    assert [(row.state, row.error_code) for row in await bench.rows()] == [("dead", "thread_gone"), ("sent", None)]
    assert bench.listener.heard == [("case:1", "thread_gone")]


async def test_refused_page_arrives_bare(bench: Bench) -> None:
    staff = bench.double.group(-5, "Konselor")
    await bench.say(-5, "LEVEL 3", lane=Lane.PRIORITY, thread_id=77, buttons=[Button("Ambil", "c:1")])
    bench.start()
    await bench.drain()
    assert (staff.texts(), staff.last().thread_id) == (["LEVEL 3"], None)


async def test_listener_hears_of_delivery_and_cannot_undo_it(bench: Bench) -> None:
    siti = bench.double.person(1)
    await bench.say(1, "a", ref="case:1")
    await bench.say(1, "b", ref="broken")
    bench.start()
    await bench.drain()
    assert siti.texts() == ["a", "b"]
    assert bench.listener.heard == [("case:1", siti.sent[0].message_id)]


async def test_group_with_a_new_id_is_followed(bench: Bench) -> None:
    staff = bench.double.group(-5, "Konselor", kind="group")
    new = staff.migrate(-1005)
    await bench.say(-5, "satu", lane=Lane.PRIORITY)
    await bench.say(-5, "dua", lane=Lane.PRIORITY)
    bench.start()
    await bench.drain()
    assert new.texts() == ["satu", "dua"]


async def test_outage_ends_and_nothing_is_dead(bench: Bench) -> None:
    siti = bench.double.person(1)
    port = bench.double.port
    bench.double.stop()
    await bench.say(1, "tunggu aku")
    bench.start()
    await asyncio.sleep(1.5)
    bench.double.port = port
    bench.double.start()
    await bench.drain()
    assert siti.texts() == ["tunggu aku"]


async def test_limits_hold_under_load(bench: Bench) -> None:
    group = bench.double.group(-7, "Ramai")
    for number in range(25):
        bench.double.person(number + 1)
        for _ in range(2):
            await bench.say(number + 1, f"p{number}")
    for number in range(10):
        await bench.say(-7, f"g{number}")
    bench.start()
    await bench.drain(90)
    assert len(group.texts()) == 10
    assert bench.double.flood_violations == []


def test_callback_data_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ValueError, match="65 bytes"):
        keyboard([Button("x", "d" * 65)])


@pytest.mark.parametrize(
    ("reason", "code"),
    [("Message thread not found", "thread_gone"), ("Not enough rights to x", "no_rights"), ("Whatever", "refused")],
)
def test_refusals_have_codes(reason: str, code: str) -> None:
    assert refusal_code(reason) == code
