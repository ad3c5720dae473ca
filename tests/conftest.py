"""Fixtures every test may use: a Bot API double, databases, and a gateway running in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.bootstrap import make_desk, make_engine
from bot.parts import Care
from bot.services.engine import Engine
from bot.services.texts import load_texts
from bot.services.turn import Desk
from bot.settings import Settings, load_settings
from bot.store.database import Database, open_database
from bot.telegram.bot_api import TelegramBotApi
from bot.telegram.incoming import parse_update
from bot.telegram.polling import Poller
from tests.doubles import FakeDialogue, fake_care
from tests.telegram_double import Chat, Member, TelegramDouble

# python-telegram-bot warns about the present type of durations each time Telegram asks for a pause.
os.environ["PTB_TIMEDELTA"] = "true"

STAFF = -1001000
POSTGRES = "postgresql+asyncpg://postgres@127.0.0.1:5432"


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """Unconfigured, structlog prints to standard output, where batch commands print their results."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def double() -> Iterator[TelegramDouble]:
    with TelegramDouble() as running:
        yield running


async def _make_postgres() -> str | None:
    """Create an empty database on the local server. None where there is no server."""
    import asyncpg

    name = f"pendamping_test_{uuid.uuid4().hex[:10]}"
    try:
        admin = await asyncpg.connect("postgresql://postgres@127.0.0.1:5432/postgres", timeout=3)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return None
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    return name


async def _drop_postgres(name: str) -> None:
    import asyncpg

    admin = await asyncpg.connect("postgresql://postgres@127.0.0.1:5432/postgres", timeout=3)
    try:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
        return
    name = await _make_postgres()
    if name is None:
        pytest.skip("no PostgreSQL on 127.0.0.1:5432: this test ran on SQLite only")
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        await _drop_postgres(name)


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    opened = await open_database(url, data_dir=tmp_path, encryption_key=None)
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(None, data_dir=tmp_path, staff_chat_id=STAFF)


@dataclass
class Gateway:
    """A gateway that runs in this process against the Bot API double.

    `double` methods block, so tests call them through `await gateway.aside(...)` where they wait for an answer.
    """

    double: TelegramDouble
    database: Database
    engine: Engine
    desk: Desk
    dialogue: FakeDialogue
    care: Care
    staff: Chat
    counselor: Member

    async def aside(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, *args, **kwargs)

    async def wait_for(self, who: Member | Chat, part: str, **options: Any) -> Any:
        return await self.aside(who.wait_for, part, **options)

    async def newcomer(self, chat_id: int = 111, name: str = "Siti", *, role: str = "resident") -> Member:
        """Somebody who went through /start, consent and role."""
        person = self.double.person(chat_id, name)
        person.say("/start")
        await self.wait_for(person, "Pendamping")
        person.tap_data("o:yes")
        await self.wait_for(person, "kamu siapa")
        person.tap_data(f"r:{role}")
        await self.wait_for(person, "bahasamu sendiri")
        return person


@contextlib.asynccontextmanager
async def running_gateway(
    double: TelegramDouble, database: Database, settings: Settings, **engine_options: Any
) -> AsyncIterator[Gateway]:
    """Poll the double and work on the database until the block ends."""
    care, dialogue = fake_care(), FakeDialogue()
    desk = make_desk(settings, care, texts=load_texts(), staff_chat_id=settings.staff_chat_id)
    staff = double.group(STAFF, "Konselor")
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        engine = make_engine(
            settings, database, desk, api=api, model=dialogue, parse=parse_update, presence=api, **engine_options
        )
        tasks = [asyncio.create_task(engine.run()), asyncio.create_task(Poller(api, engine.accept).run())]
        try:
            yield Gateway(double, database, engine, desk, dialogue, care, staff, staff.member(9001, "Bu Rina"))
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            broken = [o for o in outcomes if isinstance(o, Exception)]
            if broken:
                raise broken[0]


@pytest.fixture
async def gateway(double: TelegramDouble, sqlite_database: Database, settings: Settings) -> AsyncIterator[Gateway]:
    async with running_gateway(double, sqlite_database, settings, paced=False) as running:
        yield running


@pytest.fixture
async def paced_gateway(
    double: TelegramDouble, sqlite_database: Database, settings: Settings
) -> AsyncIterator[Gateway]:
    """Like `gateway`, keeping to Telegram's limits."""
    async with running_gateway(double, sqlite_database, settings) as running:
        yield running
