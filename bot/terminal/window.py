"""The terminal's side of the ports: what stands in for the Bot API, and how typed lines become updates."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import RefusedError
from bot.ports import ChatKind, Incoming, Sender, Tap, UpdateKind
from bot.services.cleaning import clean_text
from bot.store import inbox, outbox
from bot.store.database import Database
from bot.store.inbox import NewUpdate
from bot.store.models import InboxRow, InboxState

STAFF_CHAT = -100
"""The counselors' chat of a terminal that has no real one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as it appears in a chat."""

    chat_id: int
    message_id: int
    text: str
    buttons: tuple[tuple[str, str], ...]
    method: str


class TerminalBotApi:
    """Answers Bot API calls like Telegram would and hands what they show to a callback."""

    def __init__(self, show: Callable[[Shown], None] = lambda _shown: None) -> None:
        self.shown: list[Shown] = []
        self._show = show
        self._ids = itertools.count(1)

    async def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        chat_id = int(params.get("chat_id", 0))
        if method == "createForumTopic":
            raise RefusedError("the chat is not a forum")
        if not method.startswith(("send", "copy", "forward", "editMessageText")):
            return {}
        text = str(params.get("text") or params.get("caption") or f"[{method}]")
        document = params.get("document")
        if isinstance(document, Mapping) and "content" in document:
            text += f"\n{document['content']}"
        rows = (params.get("reply_markup") or {}).get("inline_keyboard", [])
        buttons = tuple((b["text"], b["callback_data"]) for row in rows for b in row if "callback_data" in b)
        message_id = int(params.get("message_id", 0)) if method.startswith("edit") else next(self._ids)
        shown = Shown(chat_id, message_id, text, buttons, method)
        self.shown.append(shown)
        self._show(shown)
        return {"message_id": message_id}

    def in_chat(self, chat_id: int) -> list[Shown]:
        return [shown for shown in self.shown if shown.chat_id == chat_id]


def parse_terminal(payload: Mapping[str, Any]) -> Incoming:
    """Return the update that a stored terminal line stands for."""
    chat_id = int(payload["chat_id"])
    data = payload.get("data")
    return Incoming(
        int(payload["update_id"]),
        UpdateKind.BUTTON if data else UpdateKind.UTTERANCE,
        chat_id,
        ChatKind.PRIVATE if chat_id > 0 else ChatKind.GROUP,
        sender=Sender(int(payload.get("user_id", chat_id)), str(payload.get("name", "")), language_code="id"),
        text=clean_text(str(payload.get("text", ""))),
        message_id=payload.get("message_id"),
        tap=Tap("terminal", str(data), payload.get("under")) if data else None,
        reply_to_message_id=payload.get("reply_to"),
        raw=payload,
    )


class Window:
    """Types into chats and waits until everything that follows from it was shown."""

    def __init__(self, database: Database, accept: Callable[[Sequence[NewUpdate]], Awaitable[int]]) -> None:
        self._database = database
        self._accept = accept
        self._update_ids = itertools.count(int(time.time() * 1000))
        self._message_ids = itertools.count(1_000_001)

    async def send(self, chat_id: int, **fields: Any) -> int:
        """Send `text=`, or tap `data=`. Returns the update's id."""
        update_id = next(self._update_ids)
        message_id = next(self._message_ids)
        payload = {"update_id": update_id, "chat_id": chat_id, "message_id": message_id, **fields}
        await self._accept([NewUpdate(update_id, chat_id, payload, None)])
        return update_id

    async def settle(self, update_id: int, chat_id: int, *, timeout_s: float = 90.0) -> bool:
        """Wait until an update and what it released are answered and the chat's outbox is empty; False after the timeout."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            async with self._database.read() as db:
                row = await db.get(InboxRow, update_id)
                finished = row is None or row.state not in {InboxState.NEW.value, InboxState.DIALOGUE.value}
                if finished and not await inbox.is_busy(db, chat_id) and await outbox.count_pending(db, chat_id) == 0:
                    return True
            await asyncio.sleep(0.01)
        return False
