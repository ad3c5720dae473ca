"""Puts texts with buttons into the outbox, split to Telegram's size. Used by everything that speaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.ports import Button, Lane
from bot.services.splitting import split_text
from bot.store import outbox

Rows = Sequence[Button | Sequence[Button]]
"""Buttons under a text: each entry is a row, a lone button fills one."""

CALLBACK_BYTES = 64
"""Source: Bot API, InlineKeyboardButton.callback_data."""


def keyboard(rows: Rows) -> dict[str, Any] | None:
    """Return Telegram's inline keyboard, or None without buttons.

    Raises:
        ValueError: Callback data longer than Telegram takes: the whole message would be refused.
    """
    drawn = []
    for row in rows:
        line = [row] if isinstance(row, Button) else list(row)
        for button in line:
            if not 1 <= len(button.data.encode()) <= CALLBACK_BYTES:
                raise ValueError(f"callback data of {len(button.data.encode())} bytes; expected 1 to {CALLBACK_BYTES}")
        drawn.append([{"text": button.title[:64], "callback_data": button.data} for button in line])
    return {"inline_keyboard": drawn} if drawn else None


async def say(
    db: AsyncSession,
    *,
    chat_id: int,
    text: str,
    key: str,
    now: datetime,
    buttons: Rows = (),
    lane: Lane = Lane.ORDINARY,
    ref: str | None = None,
    thread_id: int | None = None,
    reply_to: int | None = None,
    not_before: datetime | None = None,
) -> int:
    """Queue a text. Buttons, and `ref`, go with its last part.

    Args:
        key: Dedup key of this text; parts after the first add `.1`, `.2` …
        thread_id: Forum topic.
        reply_to: Message to answer; sent without the reply if that message is gone.

    Returns:
        How many parts were queued.
    """
    parts = split_text(text)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        # Links get no preview: a card below a crisis text would push the numbers off the screen.
        params: dict[str, Any] = {"text": part, "link_preview_options": {"is_disabled": True}}
        markup = keyboard(buttons) if last else None
        if markup:
            params["reply_markup"] = markup
        if thread_id is not None:
            params["message_thread_id"] = thread_id
        if reply_to is not None and number == 0:
            params["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        await outbox.enqueue(
            db,
            chat_id=chat_id,
            method="sendMessage",
            params=params,
            dedup_key=key if number == 0 else f"{key}.{number}",
            now=now,
            lane=lane,
            ref=ref if last else None,
            not_before=not_before,
        )
    return len(parts)
