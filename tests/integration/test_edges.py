"""How updates arrive (polling, webhook), what leaves the terminal, and that no log line quotes anybody."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import tornado.httpserver
import tornado.netutil

from bot.bootstrap import open_terminal, run_telegram
from bot.errors import ConfigError, StoreError
from bot.logging import configure_logging
from bot.settings import Settings, load_settings
from bot.store.inbox import NewUpdate
from bot.telegram.bot_api import TelegramBotApi
from bot.telegram.polling import Poller
from bot.telegram.webhook import SECRET_HEADER, make_application
from bot.terminal.batch import play_file
from bot.terminal.chat import Screenplay
from bot.terminal.screen import screen_file
from bot.terminal.window import STAFF_CHAT, Shown, TerminalBotApi
from tests.conftest import Gateway
from tests.doubles import FakeDialogue, FakeScreen, fake_care
from tests.telegram_double import TelegramDouble


class Inbox:
    """Takes updates, or refuses them as a full disk does."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.full = False

    async def accept(self, updates: Sequence[NewUpdate]) -> int:
        if self.full:
            raise StoreError("disk full")
        self.stored += [update.update_id for update in updates]
        return len(updates)


async def _until(condition: Any, timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # the double lives in another thread
            await asyncio.sleep(0.02)


# --- Polling ------------------------------------------------------------------------------------


async def test_update_is_confirmed_only_after_it_is_stored(double: TelegramDouble) -> None:
    inbox = Inbox()
    inbox.full = True
    double.person(1).say("halo")
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        task = asyncio.create_task(Poller(api, inbox.accept).run())
        await _until(lambda: double.polls >= 2)
        assert len(double.updates) == 1
        inbox.full = False
        await _until(lambda: inbox.stored and not double.updates)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(inbox.stored) == 1


async def test_polling_survives_what_telegram_does(double: TelegramDouble) -> None:
    inbox = Inbox()
    for kind in ("server_error", "malformed", "drop_before", "rate_limit"):
        double.fault("getUpdates", kind)
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        task = asyncio.create_task(Poller(api, inbox.accept).run())
        double.person(1).say("halo")
        await _until(lambda: inbox.stored, 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_forgotten_webhook_is_removed(double: TelegramDouble) -> None:
    inbox = Inbox()
    double.webhook_url = "https://old.example"
    double.person(1).say("halo")
    async with TelegramBotApi(double.token, api_url=double.url) as api:
        task = asyncio.create_task(Poller(api, inbox.accept).run())
        await _until(lambda: inbox.stored, 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_wrong_token_is_a_clear_error(double: TelegramDouble, tmp_path: Path) -> None:
    settings = load_settings(
        None, data_dir=tmp_path, telegram_token="1:wrong", telegram_api_url=double.url, staff_chat_id=-1
    )
    with pytest.raises(ConfigError, match="PENDAMPING_TELEGRAM_TOKEN"):
        await run_telegram(settings, care=fake_care(), model=FakeDialogue(), children=[])


def test_what_is_no_token_is_refused_at_once() -> None:
    for token in ("abc", "123:", "123:a b", ""):
        with pytest.raises(ConfigError, match="no bot token"):
            TelegramBotApi(token)


async def test_second_gateway_on_one_sqlite_is_refused(double: TelegramDouble, tmp_path: Path) -> None:
    settings = load_settings(
        None, data_dir=tmp_path, telegram_token=double.token, telegram_api_url=double.url, staff_chat_id=-1
    )
    first = asyncio.create_task(run_telegram(settings, care=fake_care(), model=FakeDialogue(), children=[]))
    await _until(lambda: double.polls >= 1)
    with pytest.raises(ConfigError, match="Another gateway"):
        await run_telegram(settings, care=fake_care(), model=FakeDialogue(), children=[])
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert {key.split(":")[0] for key in double.commands} == {"", "id", "en"}


# --- Webhook ------------------------------------------------------------------------------------


async def test_webhook_checks_secret_and_stores_before_200() -> None:
    inbox = Inbox()
    server = tornado.httpserver.HTTPServer(make_application(inbox.accept, secret="s3cret", path="/hook"))
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/hook"
    good = {SECRET_HEADER: "s3cret"}
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [
            await client.post(url, json={"update_id": 1}),
            await client.post(url, json={"update_id": 1}, headers={SECRET_HEADER: "wrong"}),
            await client.post(url, content=b"no json", headers=good),
            await client.post(url, json=[], headers=good),
            await client.post(url, json={"update_id": 2, "message": {}}, headers=good),
        ]
        inbox.full = True
        answers.append(await client.post(url, json={"update_id": 3}, headers=good))
    server.stop()
    await server.close_all_connections()
    assert [answer.status_code for answer in answers] == [403, 403, 400, 400, 200, 503]
    assert inbox.stored == [2]


# --- Terminal -----------------------------------------------------------------------------------


async def test_batch_plays_each_conversation_and_reports_bad_lines(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = [
        json.dumps({"id": "a", "turns": ["halo", "L3 sekarang"], "speaker": "family"}),
        "{broken",
        json.dumps({"id": "b", "turns": "no list"}),
        json.dumps({"id": 7, "turns": ["/darurat", ""]}),
        json.dumps({"no": "id"}),
    ]
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(lines) + "\n\xff", encoding="latin-1")
    api = TerminalBotApi()
    settings = load_settings(None, data_dir=tmp_path)
    async with open_terminal(settings, api, care=fake_care(), model=FakeDialogue(), children=[]) as terminal:
        code = await play_file(str(file), terminal.database, api, terminal.window)
    captured = capfdbinary.readouterr()
    results = [json.loads(line) for line in captured.out.splitlines()]
    assert code == 2
    assert [result["id"] for result in results] == ["a", 7]
    assert results[0]["replies"][0] == ["echo: halo"]
    assert results[0]["replies"][1][0].startswith("CRISIS 3")
    assert results[1]["replies"][0][0].startswith("NUMBERS")
    assert [line.split(b":")[1] for line in captured.err.splitlines() if b"in.jsonl" in line] == [
        b"2",
        b"3",
        b"5",
        b"6",
    ]
    assert any("level 3" in shown.text for shown in api.in_chat(STAFF_CHAT))


def test_screen_prints_every_good_line(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"id": 1, "text": "L2 \\ud83d"}\n[]\n{"id": 2, "text": 5}\n{"id": 3, "text": ""}\n')
    code = screen_file(str(file), FakeScreen())
    captured = capfdbinary.readouterr()
    results = [json.loads(line) for line in captured.out.splitlines()]
    assert code == 2
    assert [(result["id"], result["level"]) for result in results] == [(1, 2), (3, 0)]
    assert set(results[0]) == {"id", "level", "categories", "ask", "evidence"}


def test_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        screen_file(str(tmp_path / "none.jsonl"), FakeScreen())


def test_window_numbers_buttons_and_frames_the_counselors_chat() -> None:
    lines: list[str] = []
    play = Screenplay(lines.append)
    play.show(Shown(1, 5, "Halo\ndunia", (("Ya", "s:yes"), ("Tidak", "s:no")), "sendMessage"))
    play.show(Shown(STAFF_CHAT, 6, "LEVEL 3", (("Ambil", "c:1"),), "sendMessage"))
    assert lines[:4] == ["🌱 Halo", "   dunia", "   [1] Ya", "   [2] Tidak"]
    assert "    │ LEVEL 3" in lines
    assert play.taps[1][2] == ("s:no", 5)


# --- Logs ---------------------------------------------------------------------------------------


async def test_logs_quote_nobody(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.services.dialogue_turn.RETRY_AFTER_S", ())
    output = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(level="DEBUG", stream=output)
    try:
        siti = await gateway.newcomer(4711, "Kanarinama")
        siti.say("kanarikalimat satu")
        await gateway.wait_for(siti, "echo: kanarikalimat satu")
        gateway.dialogue.broken = True
        siti.say("kanarikalimat tiga")
        await gateway.wait_for(siti, "kesulitan menjawab")
        gateway.double.fault("sendMessage", "bad_request", description="Bad Request: kanarikalimat")
        siti.say("BREAK kanarikalimat empat")
        await gateway.wait_for(siti, "CRISIS 2")
        siti.say("L3 kanarikalimat dua")
        await gateway.wait_for(gateway.staff, "kanarikalimat dua")
        await asyncio.sleep(0.2)
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    text = output.getvalue()
    assert "turn.dead" in text
    assert "screen.failed" in text
    for secret in ("kanari", "Kanari", "4711", gateway.double.token.split(":")[1]):
        assert secret not in text, [line for line in text.splitlines() if secret in line][:2]


def test_settings_fixture_is_isolated(settings: Settings, tmp_path: Path) -> None:
    assert settings.data_dir == tmp_path
