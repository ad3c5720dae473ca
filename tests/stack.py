"""Starts the whole stack as `make run` does (gateway, real Rasa, real action server) against the Bot API double."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from tests.telegram_double import Chat, Member, TelegramDouble

ROOT = Path(__file__).resolve().parent.parent
STAFF = -1001000
#: Rasa loads TensorFlow first; on two busy cores that takes its time.
START_TIMEOUT_S = 240.0
ANSWER_TIMEOUT_S = 60.0


@dataclass
class Stack:
    """A running Pendamping, and the Telegram around it."""

    double: TelegramDouble
    staff: Chat
    counselor: Member
    process: subprocess.Popen[bytes]
    rasa_port: int

    def newcomer(self, chat_id: int, name: str = "Siti", *, role: str = "resident") -> Member:
        """Somebody who went through /start, consent and role."""
        person = self.double.person(chat_id, name)
        person.say("/start")
        person.wait_for("Pendamping", timeout_s=ANSWER_TIMEOUT_S)
        person.tap_data("o:yes")
        person.wait_for("kamu siapa", timeout_s=ANSWER_TIMEOUT_S)
        person.tap_data(f"r:{role}")
        person.wait_for("bahasamu sendiri", timeout_s=ANSWER_TIMEOUT_S)
        return person


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Run the stack until the block ends. Models come from var/, people's data goes to a folder of its own."""
    with TelegramDouble() as double, tempfile.TemporaryDirectory() as folder:
        for built in ("encoder", "index", "risk"):
            (Path(folder) / built).symlink_to(ROOT / "var" / built)
        staff = double.group(STAFF, "Konselor")
        counselor = staff.member(9001, "Bu Rina")
        rasa_port, actions_port = free_port(), free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PENDAMPING_")} | {
            "PENDAMPING_TELEGRAM_TOKEN": double.token,
            "PENDAMPING_TELEGRAM_API_URL": double.url,
            "PENDAMPING_STAFF_CHAT_ID": str(STAFF),
            "PENDAMPING_DATA_DIR": folder,
            "PENDAMPING_ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "PENDAMPING_RASA_PORT": str(rasa_port),
            "PENDAMPING_ACTIONS_PORT": str(actions_port),
            "PENDAMPING_LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen([sys.executable, "-m", "bot", "run"], cwd=ROOT, env=environment)
        try:
            _wait_for_rasa(process, rasa_port)
            yield Stack(double, staff, counselor, process, rasa_port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait_for_rasa(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the stack stopped at its start with exit status {process.returncode}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/status", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"Rasa was not up within {START_TIMEOUT_S:.0f} s")
