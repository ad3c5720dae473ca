"""`python -m bot chat --jsonl FILE`: plays written conversations, one person each, and prints the replies."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.ports import Role
from bot.store import people
from bot.store.database import Database
from bot.terminal.lines import LineReader, write_line
from bot.terminal.window import TerminalBotApi, Window

AT_ONCE = 4
"""Conversations played at the same time; each keeps its order."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line of the file."""

    conversation: Any
    turns: tuple[str, ...]
    role: Role


def read_conversation(item: dict[str, Any]) -> Conversation | str:
    """Return the conversation of a line, or what is wrong with it."""
    turns = item.get("turns", [item["text"]] if isinstance(item.get("text"), str) else None)
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        return 'expected "turns" to be a list of strings'
    speaker = item.get("speaker", Role.RESIDENT.value)
    if speaker not in {role.value for role in Role}:
        speaker = Role.RESIDENT.value if speaker in {None, "unknown"} else ""
    if not speaker:
        return 'expected "speaker" to be "resident" or "family"'
    return Conversation(item["id"], tuple(turns), Role(speaker))


async def play_file(path: str, database: Database, api: TerminalBotApi, window: Window) -> int:
    """Play every conversation of a file; results come in the file's order. Returns the exit code."""
    reader = LineReader(path)
    room = asyncio.Semaphore(AT_ONCE)
    chats = itertools.count(1)
    playing: list[asyncio.Task[dict[str, Any]]] = []

    async def play(conversation: Conversation, chat_id: int) -> dict[str, Any]:
        async with room:
            return await _play(conversation, chat_id, database, api, window)

    for number, item in reader:
        conversation = read_conversation(item)
        if isinstance(conversation, str):
            reader.report(number, conversation)
            continue
        playing.append(asyncio.create_task(play(conversation, next(chats))))
    for task in playing:
        write_line(await task)
    return reader.exit_code


async def _play(
    conversation: Conversation, chat_id: int, database: Database, api: TerminalBotApi, window: Window
) -> dict[str, Any]:
    now = datetime.now(UTC)
    async with database.write() as db:
        person = await people.get_or_create(db, chat_id, now)
        person.consent_at, person.role = now, conversation.role.value
    replies: list[list[str]] = []
    for turn in conversation.turns:
        before = len(api.in_chat(chat_id))
        update_id = await window.send(chat_id, text=turn)
        await window.settle(update_id, chat_id)
        replies.append([shown.text for shown in api.in_chat(chat_id)[before:]])
    return {"id": conversation.conversation, "replies": replies}
