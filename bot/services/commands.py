"""The commands a person can type, and what each does. Names work in both languages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.ports import Lane
from bot.services import people_desk, privacy
from bot.services.turn import Turn

Command = Callable[[Turn], Awaitable[None]]


async def _help(turn: Turn) -> None:
    await turn.say(turn.text("help"), buttons=people_desk.menu(turn)[:2])


async def call_counselor(turn: Turn) -> None:
    """Ask for a human; the escalation tells the person what happens next."""
    await turn.desk.escalations.request_human(turn.db, turn.person, turn.now)


async def end_conversation(turn: Turn) -> None:
    """End the talk with a counselor, or leave the queue."""
    await turn.desk.escalations.relay_from_person(turn.db, turn.person, turn.update, turn.now)


async def emergency_numbers(turn: Turn) -> None:
    text = turn.desk.words.emergency_numbers(turn.language)
    await turn.say(text, buttons=[turn.counselor_button()], lane=Lane.PRIORITY)


async def grounding(turn: Turn) -> None:
    text = turn.desk.words.grounding_exercise(turn.language)
    await turn.say(text, buttons=[turn.counselor_button()], lane=Lane.PRIORITY)


COMMANDS: dict[str, Command] = {
    "start": people_desk.welcome,
    "help": _help,
    "konselor": call_counselor,
    "selesai": end_conversation,
    "darurat": emergency_numbers,
    "bahasa": people_desk.ask_language,
    "peran": people_desk.ask_role,
    "privasi": privacy.explain,
    "data": privacy.send_data,
    "hapus": privacy.ask_to_delete,
}
"""In the order of Telegram's menu."""

ALIASES = {
    "mulai": "start", "bantuan": "help", "tolong": "darurat", "counselor": "konselor", "counsellor": "konselor",
    "human": "konselor", "end": "selesai", "emergency": "darurat", "sos": "darurat", "language": "bahasa", "role": "peran",
    "privacy": "privasi", "delete": "hapus",
}  # fmt: skip

BEFORE_CONSENT = frozenset({"start", "help", "konselor", "selesai", "darurat", "bahasa", "privasi"})
"""What works before the person agreed. A call for a human is never refused."""


def read_command(text: str) -> str | None:
    """Return the command's own name for `/name`, `/name@bot …`, the typed name if unknown, None for no command."""
    if not text.startswith("/") or len(text) < 2:
        return None
    name = text[1:].split(maxsplit=1)[0].split("@")[0].lower() if text[1:].strip() else ""
    return ALIASES.get(name, name) or None
