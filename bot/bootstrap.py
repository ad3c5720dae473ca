"""The only place that builds objects and joins rooms: settings in, a running Pendamping out.

Start at `run_telegram` and `open_terminal`; `bot/__main__.py` calls them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bot.errors import BotError, ConfigError, StoreError, TransportError
from bot.parts import Care, dialogue_children, make_dialogue, rasa_url
from bot.ports import BotApi, DialogueModel, Incoming, Language
from bot.services.commands import COMMANDS
from bot.services.dialogue_turn import Presence
from bot.services.engine import Engine
from bot.services.escalation import CaseDesk
from bot.services.texts import Texts, load_texts
from bot.services.turn import Desk
from bot.settings import PREFIX, Settings, load_settings
from bot.store import kv
from bot.store.database import Database, open_database
from bot.supervisor import Child, Supervisor, say_on_stderr
from bot.telegram.bot_api import TelegramBotApi
from bot.telegram.incoming import parse_update
from bot.telegram.polling import Poller
from bot.telegram.webhook import serve_webhook
from bot.terminal.window import STAFF_CHAT, TerminalBotApi, Window, parse_terminal

log = structlog.get_logger()

MODEL_GRACE_S = 60.0
"""How long turns wait for the dialogue model at the start, before people are told that it has trouble."""

POLL_LEASE_S = 40.0
"""Longer than a long poll: another gateway must not take over while one is waiting for updates."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def make_desk(
    settings: Settings,
    care: Care,
    *,
    texts: Texts,
    staff_chat_id: int | None,
) -> Desk:
    """Join what every use case needs."""
    cases = CaseDesk(
        words=care.words,
        staff_chat_id=staff_chat_id,
        zone=settings.zone,
        response_s={
            2: settings.first_response_urgent_minutes * 60,
            3: settings.first_response_emergency_minutes * 60,
        },
        retention_days=settings.retention_days,
    )
    return Desk(
        texts=texts,
        words=care.words,
        screen=care.screen,
        escalations=cases,
        detect_language=care.detect_language,
        staff_chat_id=staff_chat_id,
        safety_answer_s=settings.safety_answer_minutes * 60,
        retention_days=settings.retention_days,
    )


def make_engine(
    settings: Settings,
    database: Database,
    desk: Desk,
    *,
    api: BotApi,
    model: DialogueModel,
    parse: Callable[[dict[str, Any]], Incoming],
    presence: Presence | None = None,
    dialogue_ready: asyncio.Event | None = None,
    paced: bool = True,
    worker_id: str = "local",
) -> Engine:
    """Return the engine for one edge."""
    return Engine(
        database,
        desk,
        api=api,
        model=model,
        parse=parse,
        clock=utc_now,
        worker_id=worker_id,
        presence=presence,
        dialogue_workers=settings.dialogue_workers,
        dialogue_ready=dialogue_ready,
        lease_s=settings.lease_s,
        send_rate_per_s=settings.send_rate_per_s,
        payload_days=settings.payload_days,
        paced=paced,
    )


async def open_configured_database(settings: Settings) -> Database:
    """Open the database that the settings name. Raises ConfigError."""
    return await open_database(
        settings.effective_database_url,
        data_dir=settings.data_dir,
        encryption_key=settings.encryption_key.get_secret_value() if settings.encryption_key else None,
    )


def _load_care(texts: Texts, data_dir: Path, counselors: bool) -> Care:
    from bot.care import load_care  # takes seconds to import; commands and tests that bring their own care skip it

    return load_care(texts, data_dir, counselors=counselors)


def worker_name(settings: Settings, database: Database) -> str:
    """Return this process's name in claims. One gateway alone works on a SQLite file, so its name can stay the same."""
    if settings.worker_id:
        return settings.worker_id
    return "local" if database.is_sqlite else f"gateway-{uuid.uuid4().hex[:12]}"


@contextlib.contextmanager
def only_gateway(settings: Settings, database: Database) -> Any:
    """Make sure that no other gateway works on the same SQLite file.

    Raises:
        ConfigError: One is running.
    """
    if not database.is_sqlite:
        yield
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "gateway.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ConfigError(
                f"Another gateway already runs on {settings.data_dir}. Stop it first; several gateways need PostgreSQL."
            ) from exc
        yield


async def _announce_ready(supervisor: Supervisor, ready: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MODEL_GRACE_S):
            await supervisor.wait_ready()
    ready.set()


# --- Telegram -----------------------------------------------------------------------------------


async def run_telegram(
    settings: Settings,
    *,
    care: Care | None = None,
    model: DialogueModel | None = None,
    children: Sequence[Child] | None = None,
) -> None:
    """Serve Telegram until cancelled. Tests replace the care, the model and the child processes.

    Raises:
        ConfigError: Something the operator must change.
    """
    if settings.telegram_token is None:
        raise ConfigError("PENDAMPING_TELEGRAM_TOKEN is empty; get a token from @BotFather, or use `make chat`.")
    os.environ.setdefault("PTB_TIMEDELTA", "true")  # PTB's future type for durations; the present one warns
    texts = load_texts()
    database = await open_configured_database(settings)
    if care is None:
        care = await asyncio.to_thread(_load_care, texts, settings.data_dir, settings.staff_chat_id is not None)
    worker_id = worker_name(settings, database)
    ready = asyncio.Event()
    supervisor = Supervisor(dialogue_children(settings) if children is None else children, say=say_on_stderr)
    api = TelegramBotApi(settings.telegram_token.get_secret_value(), api_url=settings.telegram_api_url)
    desk = make_desk(settings, care, texts=texts, staff_chat_id=settings.staff_chat_id)
    if settings.staff_chat_id is None:
        say_on_stderr("No counselors' chat is set (PENDAMPING_STAFF_CHAT_ID): nobody can be paged!")
    try:
        with only_gateway(settings, database):
            async with api:
                engine = make_engine(
                    settings,
                    database,
                    desk,
                    api=api,
                    model=model or make_dialogue(rasa_url(settings)),
                    parse=parse_update,
                    presence=api,
                    dialogue_ready=ready,
                    worker_id=worker_id,
                )
                await _together(
                    engine.run(),
                    supervisor.run(),
                    _announce_ready(supervisor, ready),
                    _introduce(api, database, texts),
                    _receive(settings, api, engine, database, worker_id),
                )
    finally:
        await database.close()


async def _receive(settings: Settings, api: TelegramBotApi, engine: Engine, database: Database, worker_id: str) -> None:
    if settings.webhook_url and settings.webhook_secret:
        await serve_webhook(
            api,
            engine.accept,
            public_url=settings.webhook_url,
            secret=settings.webhook_secret.get_secret_value(),
            listen=settings.webhook_listen,
            port=settings.webhook_port,
        )
        return

    async def may_poll() -> bool:
        if database.is_sqlite:
            return True
        async with database.write() as db:
            return await kv.hold_lease(db, "poller", worker_id, utc_now(), lease_s=POLL_LEASE_S)

    await Poller(api, engine.accept, may_poll=may_poll).run()


async def _introduce(api: TelegramBotApi, database: Database, texts: Texts) -> None:
    """Learn the bot's name and fill the command menu; tried until Telegram can be reached.

    Raises:
        ConfigError: Telegram does not know the token.
    """
    while True:
        try:
            username = await api.username()
            async with database.write() as db:
                await kv.set_value(db, kv.BOT_USERNAME, username, utc_now())
            for code, language in ((None, Language.INDONESIAN), ("id", Language.INDONESIAN), ("en", Language.ENGLISH)):
                menu = [(name, texts.say(f"menu_{name}", language)) for name in COMMANDS]
                await api.set_commands(menu, code)
        except (TransportError, StoreError) as exc:
            log.warning("telegram.introduction_postponed", code=getattr(exc, "code", "store"))
            await asyncio.sleep(5.0)
        else:
            say_on_stderr(f"telegram: serving @{username}")
            return


# --- Terminal -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terminal:
    """A running terminal gateway."""

    database: Database
    api: TerminalBotApi
    window: Window
    ready: asyncio.Event


@contextlib.asynccontextmanager
async def open_terminal(
    settings: Settings,
    api: TerminalBotApi,
    *,
    care: Care | None = None,
    model: DialogueModel | None = None,
    children: Sequence[Child] | None = None,
) -> AsyncIterator[Terminal]:
    """Run the whole stack with the terminal in Telegram's place, on a database of its own that is deleted after."""
    texts = load_texts()
    if care is None:
        care = await asyncio.to_thread(_load_care, texts, settings.data_dir, True)
    ready = asyncio.Event()
    supervisor = Supervisor(dialogue_children(settings) if children is None else children, say=say_on_stderr)
    with tempfile.TemporaryDirectory(prefix="pendamping-") as folder:
        database = await open_database(
            f"sqlite+aiosqlite:///{folder}/terminal.db", data_dir=Path(folder), encryption_key=None
        )
        desk = make_desk(settings, care, texts=texts, staff_chat_id=STAFF_CHAT)
        engine = make_engine(
            settings,
            database,
            desk,
            api=api,
            model=model or make_dialogue(rasa_url(settings)),
            parse=parse_terminal,
            dialogue_ready=ready,
            paced=False,
        )
        background = asyncio.create_task(_together(engine.run(), supervisor.run(), _announce_ready(supervisor, ready)))
        try:
            yield Terminal(database, api, Window(database, engine.accept), ready)
        finally:
            background.cancel()
            with contextlib.suppress(asyncio.CancelledError, BotError):
                await background
            await database.close()


# --- Running ------------------------------------------------------------------------------------


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run parts side by side; the first error of the operator's kind ends them all and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except* ConfigError as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def run_until_stopped(main: Callable[[], Awaitable[int | None]]) -> int:
    """Run a coroutine; SIGINT and SIGTERM end it in good order. Returns the exit code."""

    async def supervised() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(main())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task or 0
        except asyncio.CancelledError:
            return 0

    return asyncio.run(supervised())


def settings_from_environment() -> Settings:
    """Read `.env` and the environment; keys of the knowledge base are known too."""
    from knowledge.settings import KnowledgeSettings

    return load_settings(keys_known_elsewhere={PREFIX + name.upper() for name in KnowledgeSettings.model_fields})
