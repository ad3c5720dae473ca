"""`python -m bot chat`: talk with Pendamping here, and see what the counselors' chat receives.

Typing a number taps that button. A line beginning with `k>` is said (or tapped, by number) in the counselors' chat.
"""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Callable

from bot.terminal.window import STAFF_CHAT, Shown, Window

PERSON_CHAT = 1
WIDTH = 78


class Screenplay:
    """Draws messages and remembers which number taps which button."""

    def __init__(self, write: Callable[[str], None], staff_chat: int = STAFF_CHAT) -> None:
        self._write = write
        self._staff_chat = staff_chat
        self.taps: dict[int, dict[int, tuple[str, int]]] = {PERSON_CHAT: {}, staff_chat: {}}
        self.last_staff_message: int | None = None

    def show(self, shown: Shown) -> None:
        """Draw one message."""
        staff = shown.chat_id == self._staff_chat
        if staff:
            self.last_staff_message = shown.message_id
        if shown.buttons:
            self.taps[shown.chat_id] = {
                number: (data, shown.message_id) for number, (_, data) in enumerate(shown.buttons, start=1)
            }
        lines = [piece for line in shown.text.splitlines() for piece in (textwrap.wrap(line, WIDTH - 6) or [""])]
        lines += [f"[{number}] {title}" for number, (title, _) in enumerate(shown.buttons, start=1)]
        if staff:
            self._write("    ┌─ konselor " + "─" * (WIDTH - 18))
            for line in lines:
                self._write(f"    │ {line}")
            self._write("    └" + "─" * (WIDTH - 6))
        else:
            for number, line in enumerate(lines):
                self._write(("🌱 " if number == 0 else "   ") + line)


async def talk(window: Window, play: Screenplay, *, staff_chat: int = STAFF_CHAT) -> None:
    """Read lines until the input ends or `/keluar`."""
    await _settled(window, PERSON_CHAT, text="/start")
    while True:
        line = await _read_line("> ")
        if line is None or line.strip() in {"/keluar", "/quit", "/exit"}:
            return
        chat, name = PERSON_CHAT, "Kamu"
        if line.startswith("k>"):
            chat, name, line = staff_chat, "Rina", line[2:].strip()
        tap = play.taps[chat].get(int(line)) if line.strip().isdigit() and len(line.strip()) < 4 else None
        if tap is not None:
            await _settled(window, chat, data=tap[0], under=tap[1], name=name)
        elif line.strip():
            # Counselors speak to a person by answering a message of the case; here that is the last one shown.
            reply_to = play.last_staff_message if chat == staff_chat else None
            await _settled(window, chat, text=line, name=name, reply_to=reply_to)


async def _settled(window: Window, chat: int, **fields: object) -> None:
    update_id = await window.send(chat, **fields)
    await window.settle(update_id, chat)
    await window.settle(update_id, PERSON_CHAT, timeout_s=5)


async def _read_line(prompt: str) -> str | None:
    """Return the next line without blocking the turns, None at the end of the input."""
    if sys.stdin.isatty():
        from prompt_toolkit import PromptSession
        from prompt_toolkit.patch_stdout import patch_stdout

        try:
            with patch_stdout():
                return await PromptSession[str]().prompt_async(prompt)
        except (EOFError, KeyboardInterrupt):
            return None
    line = await asyncio.to_thread(sys.stdin.readline)
    return line.rstrip("\n") if line else None
