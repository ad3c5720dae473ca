"""Runs the dialogue servers as child processes: starts them, shows progress, restarts what dies, stops them all.

Knows nothing of what they do; `bot/bootstrap.py` names the commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import structlog

log = structlog.get_logger()

STOP_S = 10.0
HEALTH_S = 2.0


@dataclass(frozen=True, slots=True)
class Child:
    """One server to run.

    Attributes:
        health_url: Answers 200 once the server can work.
        log_path: Its output; a library's own log may hold utterances, so the folder is private (mode 700).
        start_s: How long a start may take before it is called slow.
    """

    name: str
    command: Sequence[str]
    health_url: str
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 120.0


async def is_healthy(url: str) -> bool:
    """Return whether a server answers 200 there."""
    try:
        async with httpx.AsyncClient(timeout=HEALTH_S, trust_env=False) as client:
            return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


class Supervisor:
    """Keeps children alive until it is cancelled.

    Args:
        say: Shows progress to whoever started us.
    """

    def __init__(self, children: Sequence[Child], *, say: Callable[[str], None]) -> None:
        self._children = children
        self._say = say
        self._ready = {child.name: asyncio.Event() for child in children}

    async def wait_ready(self) -> None:
        """Wait until every child has answered once."""
        for event in self._ready.values():
            await event.wait()

    async def run(self) -> None:
        """Run all children; returns at once when there are none."""
        async with asyncio.TaskGroup() as group:
            for child in self._children:
                group.create_task(self._keep(child), name=child.name)

    async def _keep(self, child: Child) -> None:
        pause = 1.0
        while True:
            if await is_healthy(child.health_url):
                # Already running (another terminal, or left by a killed run): use it for as long as it answers.
                self._say(f"{child.name}: already running")
                self._ready[child.name].set()
                while await is_healthy(child.health_url):  # noqa: ASYNC110  # another process: it can't set an event
                    await asyncio.sleep(5.0)
            started = time.monotonic()
            code = await self._run_once(child)
            alive_s = time.monotonic() - started
            pause = 1.0 if alive_s > 60 else min(60.0, pause * 2)
            log.error("process.ended", process=child.name, returncode=code, delay_s=pause)
            self._say(f"{child.name}: ended with code {code}; again in {pause:g} s (see {child.log_path})")
            await asyncio.sleep(pause)

    async def _run_once(self, child: Child) -> int | None:
        child.log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with child.log_path.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *child.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **child.environment},
                    start_new_session=True,
                )
            except OSError as exc:
                self._say(f"{child.name}: can't be started ({exc.strerror}: {child.command[0]})")
                return None
        log.info("process.started", process=child.name, pid=process.pid)
        watcher = asyncio.create_task(self._watch_start(child))
        try:
            return await process.wait()
        finally:
            watcher.cancel()
            await _stop(process)

    async def _watch_start(self, child: Child) -> None:
        started = time.monotonic()
        told = 0.0
        while not await is_healthy(child.health_url):
            waited = time.monotonic() - started
            if waited - told >= 5:
                told = waited
                slow = " (slow; see its log)" if waited > child.start_s else ""
                self._say(f"{child.name}: starting, {waited:.0f} s{slow}")
            await asyncio.sleep(0.25)
        self._say(f"{child.name}: ready after {time.monotonic() - started:.1f} s")
        log.info("process.ready", process=child.name, duration_ms=round((time.monotonic() - started) * 1000))
        self._ready[child.name].set()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a child and whatever it started: politely first."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), STOP_S)


def say_on_stderr(line: str) -> None:
    """Show a line of progress; standard output belongs to results."""
    sys.stderr.write(f"  {line}\n")
    sys.stderr.flush()
