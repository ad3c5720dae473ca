"""Finds out whether a message of unknown fate was delivered, before it is sent again.

Telegram has no idempotency key: a send that was accepted while we died, or whose answer got lost, would be repeated.
But its message id is a little above the ids known when it was sent, and editing a message to the very text and buttons
it already has is refused with "message is not modified". That refusal, and nothing else, proves that the message is
there. Everything else means: send again (a crisis reply twice is better than none).

An edit could hit another message of ours and overwrite it. That can't happen where ids are known, they are skipped;
and only one call at a time is in flight in a chat, so no other unknown message of that chat is in the window. Only
texts can be probed; copies, stickers, voice notes and new topics are sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from bot.errors import RefusedError
from bot.ports import BotApi

WINDOW = 20
"""Unknown ids looked at. Private chats share one counter, so what other chats got meanwhile lies in between."""

SPAN = 500
"""How far above the last known id to look for unknown ones: people may have written a lot in between."""


def can_probe(method: str, probe_after: int | None) -> bool:
    """Return whether a delivery of this kind can be proved at all."""
    return method == "sendMessage" and probe_after is not None


def is_unmodified(refusal: RefusedError) -> bool:
    """Return whether an edit was refused because the message already says this (PTB changes the case)."""
    return "message is not modified" in refusal.reason.lower()


def candidate_ids(probe_after: int, known: set[int]) -> list[int]:
    """Return the message ids the lost one may have, lowest first."""
    unknown = (i for i in range(probe_after + 1, probe_after + 1 + SPAN) if i not in known)
    return list(islice(unknown, WINDOW))


async def find_delivered(
    api: BotApi, chat_id: int, params: Mapping[str, Any], *, probe_after: int, known: set[int]
) -> int | None:
    """Return the id of the message that proves to be there, or None.

    Raises:
        TransportError: Telegram could not be asked; the row stays unsure.
    """
    edit = {"chat_id": chat_id, "text": params["text"]}
    for name in ("reply_markup", "link_preview_options"):
        if name in params:
            edit[name] = params[name]
    for message_id in candidate_ids(probe_after, known):
        try:
            await api.call("editMessageText", edit | {"message_id": message_id})
        except RefusedError as exc:
            if is_unmodified(exc):
                return message_id
        else:
            # A message of ours with another text now shows this one. The text is there, so it counts as delivered.
            return message_id
    return None
