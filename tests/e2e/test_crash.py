"""The gateway is killed at random moments: nothing is lost, nothing is answered twice, every risk is paged."""

# ruff: noqa: ASYNC251  # nothing else runs in this test's event loop

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.store import people
from bot.store.database import open_database
from tests.telegram_double import TelegramDouble

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 33
MESSAGES_EACH = 12
RISKY = 4
"""Every so many people write one urgent message only: after it a counselor talks, and the bot keeps quiet."""

STAFF = -1001000


async def _consenting_people(data_dir: Path) -> None:
    database = await open_database(
        f"sqlite+aiosqlite:///{data_dir / 'pendamping.db'}", data_dir=data_dir, encryption_key=None
    )
    now = datetime.now(UTC)
    async with database.write() as db:
        for number in range(PEOPLE):
            person = await people.get_or_create(db, 100 + number, now)
            person.consent_at, person.role = now, "resident"
    await database.close()


class Gateway:
    """The process under test."""

    def __init__(self, double: TelegramDouble, data_dir: Path) -> None:
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PENDAMPING_")},
            "PENDAMPING_TELEGRAM_TOKEN": double.token,
            "PENDAMPING_TELEGRAM_API_URL": double.url,
            "PENDAMPING_STAFF_CHAT_ID": str(STAFF),
            "PENDAMPING_DATA_DIR": str(data_dir),
            "PYTHONPATH": str(ROOT),
        }
        self._double = double
        self._polls_before = 0
        self._log = (data_dir / "gateway.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._polls_before = self._double.polls
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.gateway_process"],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )

    def wait_at_work(self) -> None:
        """Wait until this process has fetched updates."""
        deadline = time.monotonic() + 30
        while self._double.polls <= self._polls_before:
            assert time.monotonic() < deadline, "the gateway does not poll, see gateway.log"
            time.sleep(0.01)

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, "the gateway ended by itself, see gateway.log"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._log.close()


async def test_killed_gateway_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED", "0")) or random.randrange(1, 10**6)
    print(f"CRASH_SEED={seed}")
    chance = random.Random(seed)
    await _consenting_people(tmp_path)
    with TelegramDouble() as double:
        staff = double.group(STAFF, "Konselor")
        persons = [double.person(100 + number, f"P{number}") for number in range(PEOPLE)]
        risky: set[str] = set()
        talkative = [person for person in persons if person.user_id % RISKY]
        order = [(person, number) for number in range(MESSAGES_EACH) for person in talkative]
        urgent = [(person, 0) for person in persons if not person.user_id % RISKY]
        for place, item in enumerate(urgent, start=1):
            order.insert(place * len(order) // (len(urgent) + 1), item)

        def talk() -> None:
            for person, number in order:
                text = f"pesan {person.user_id}-{number}."
                if not person.user_id % RISKY:
                    text = f"L2 {text}"
                    risky.add(text)
                person.say(text)
                time.sleep(chance.uniform(0.0, 0.08))

        gateway = Gateway(double, tmp_path)
        gateway.start()
        talker = threading.Thread(target=talk)
        talker.start()
        kills = 0
        try:
            while talker.is_alive() or kills < 6:
                gateway.wait_at_work()
                time.sleep(chance.uniform(0.02, 1.0))
                gateway.kill()
                kills += 1
                gateway.start()
            talker.join()
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline:
                with double.lock:
                    answered = all(
                        sum(s.text.startswith(("echo", "CRISIS")) for s in p.sent)
                        >= (MESSAGES_EACH if p in talkative else 1)
                        for p in persons
                    )
                    paged = all(any(text in s.text for s in staff.sent) for text in risky)
                    if answered and paged:
                        break
                time.sleep(0.1)
            time.sleep(1.5)  # time for a second answer that must not come
        finally:
            code = gateway.stop()
        report = (tmp_path / "gateway.log").read_text(errors="replace")
        for person in persons:
            said = [f"echo: pesan {person.user_id}-{number}." for number in range(MESSAGES_EACH)]
            wanted = Counter(said if person in talkative else ["CRISIS 2 id"])
            answers = [text for text in person.texts() if text.startswith(("echo", "CRISIS"))]
            assert Counter(answers) == wanted, report[-3000:]
            echoes = [text for text in person.texts() if text.startswith("echo")]
            assert echoes == [text for text in said if text in echoes], "answers out of order"
        print(f"{kills} kills, {len(double.called('sendMessage'))} sends")
        pages = staff.texts()
        assert {text for text in risky if not any(text in page for page in pages)} == set()
        cards = [page for page in pages if any(text in page for text in risky)]
        assert len(cards) == len(set(cards)), "a page was sent twice"
        assert kills >= 6
        assert code == 0, report[-3000:]


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
async def test_gateway_stops_in_good_order(tmp_path: Path, signal_name: str) -> None:
    with TelegramDouble() as double:
        double.group(STAFF, "Konselor")
        siti = double.person(100)
        gateway = Gateway(double, tmp_path)
        gateway.start()
        siti.say("/start")
        siti.wait_for("Pendamping", timeout_s=20)
        assert gateway._process is not None
        gateway._process.send_signal(getattr(signal, signal_name))
        assert gateway.stop() == 0
