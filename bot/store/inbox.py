"""What came in: every update is stored here before Telegram is told that we have it.

NEW rows are screened at once and answered where the dialogue model is not needed; the others go on to DIALOGUE,
where a gateway claims them under a lease. Within a chat only the oldest row of a stage may be taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, bindparam, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.store.database import vault_of
from bot.store.models import InboxRow, InboxState
from bot.store.rows import changed_rows, insert_once, is_postgresql


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """An update as the edge received it.

    Attributes:
        chat_id: The chat it belongs to, for the order within the chat; 0 where it has none.
        payload: The edge's own form, given back to the same edge's parser.
        message_id: The message's id in that chat, if it is a new one: a lower bound for the ids of later replies.
    """

    update_id: int
    chat_id: int
    payload: Mapping[str, Any]
    message_id: int | None = None


class ClaimLostError(Exception):
    """Somebody else finished or deleted this row meanwhile: drop what was computed for it."""


async def store_updates(db: AsyncSession, updates: Sequence[NewUpdate], now: datetime) -> int:
    """Store updates; those already stored are left alone. Returns how many were new."""
    vault = vault_of(db)
    added = 0
    for item in updates:
        values = {
            "update_id": item.update_id,
            "chat_key": vault.chat_key(item.chat_id),
            "payload_enc": vault.seal_json(item.payload),
            "received_at": now,
            "state": InboxState.NEW.value,
            "attempts": 0,
            "message_id": item.message_id,
            "is_group": item.chat_id < 0,
        }
        added += await insert_once(db, InboxRow, values, unique=["update_id"])
    return added


def payload_of(db: AsyncSession, row: InboxRow) -> dict[str, Any]:
    """Return the stored update. Empty once it was purged."""
    return dict(vault_of(db).open_json(row.payload_enc)) if row.payload_enc else {}


async def take_new(db: AsyncSession, now: datetime, *, limit: int = 8) -> list[InboxRow]:
    """Return the oldest unscreened row of each chat, locked until the end of this transaction."""
    return await _select(db, _NEW, now, limit)


async def has_new(db: AsyncSession, now: datetime) -> bool:
    """Return whether `take_new` would find something."""
    return (await db.execute(_NEW.with_only_columns(InboxRow.update_id), {"now": now, "most": 1})).first() is not None


async def claim_dialogue(
    db: AsyncSession, now: datetime, *, worker_id: str, lease_s: float, limit: int
) -> list[InboxRow]:
    """Claim the oldest dialogue row of as many chats as fit."""
    rows = await _select(db, _DIALOGUE, now, limit)
    for row in rows:
        row.claimed_by = worker_id
        row.lease_until = now + timedelta(seconds=lease_s)
        row.attempts += 1
    return rows


async def is_busy(db: AsyncSession, chat_id: int) -> bool:
    """Return whether anything of a chat waits for either stage."""
    waiting = InboxRow.state.in_([InboxState.NEW.value, InboxState.DIALOGUE.value])
    statement = select(InboxRow.update_id).where(InboxRow.chat_key == vault_of(db).chat_key(chat_id), waiting)
    return (await db.execute(statement.limit(1))).first() is not None


async def has_dialogue(db: AsyncSession, now: datetime) -> bool:
    """Return whether `claim_dialogue` would find something."""
    found = await db.execute(_DIALOGUE.with_only_columns(InboxRow.update_id), {"now": now, "most": 1})
    return found.first() is not None


def _oldest_of_chat(state: InboxState, *before: InboxState) -> Select[InboxRow]:
    """Return the statement for rows in `state` that no earlier row of their chat, in a state of `before`, holds back.

    Built once: putting it together took longer than running it. Parameters: `now`, `most`.
    """
    earlier = aliased(InboxRow)
    now = bindparam("now", type_=InboxRow.not_before.type)
    return (
        select(InboxRow)
        .where(
            InboxRow.state == state.value,
            or_(InboxRow.not_before.is_(None), InboxRow.not_before <= now),
            or_(InboxRow.lease_until.is_(None), InboxRow.lease_until < now),
            ~exists().where(
                earlier.chat_key == InboxRow.chat_key,
                earlier.state.in_([state.value for state in before]),
                earlier.update_id < InboxRow.update_id,
            ),
        )
        .order_by(InboxRow.update_id)
        .limit(bindparam("most", type_=Integer))
    )


_NEW = _oldest_of_chat(InboxState.NEW, InboxState.NEW)
_DIALOGUE = _oldest_of_chat(InboxState.DIALOGUE, InboxState.NEW, InboxState.DIALOGUE)


async def _select(db: AsyncSession, statement: Select[InboxRow], now: datetime, limit: int) -> list[InboxRow]:
    if is_postgresql(db):
        statement = statement.with_for_update(skip_locked=True, of=InboxRow)
    return list((await db.execute(statement, {"now": now, "most": limit})).scalars())


async def finish_dialogue(
    db: AsyncSession, row: InboxRow, now: datetime, *, worker_id: str, dead: str | None = None
) -> None:
    """Mark a claimed row done, or dead with an error code (its payload is kept).

    Raises:
        ClaimLostError: The row is no longer ours; the caller's transaction must roll back.
    """
    state = InboxState.DEAD if dead else InboxState.DONE
    result = await db.execute(
        update(InboxRow)
        .where(
            InboxRow.update_id == row.update_id,
            InboxRow.state == InboxState.DIALOGUE.value,
            InboxRow.claimed_by == worker_id,
        )
        .values(state=state.value, done_at=now, lease_until=None, error_code=dead)
    )
    if changed_rows(result) != 1:
        raise ClaimLostError


async def postpone_dialogue(db: AsyncSession, row: InboxRow, until: datetime, *, worker_id: str, code: str) -> None:
    """Give a claimed row back, to be tried again later."""
    await db.execute(
        update(InboxRow)
        .where(InboxRow.update_id == row.update_id, InboxRow.claimed_by == worker_id)
        .values(claimed_by=None, lease_until=None, not_before=until, error_code=code)
    )


async def release_worker(db: AsyncSession, worker_id: str) -> int:
    """Free what a former run of this worker had claimed. Returns how many rows."""
    result = await db.execute(
        update(InboxRow)
        .where(InboxRow.state == InboxState.DIALOGUE.value, InboxRow.claimed_by == worker_id)
        .values(claimed_by=None, lease_until=None)
    )
    return changed_rows(result)


async def held_rows(db: AsyncSession, chat_key: str) -> list[InboxRow]:
    """Return what a person wrote and what waits for consent or a safety answer, oldest first."""
    statement = select(InboxRow).where(InboxRow.chat_key == chat_key, InboxRow.state == InboxState.HELD.value)
    return list((await db.execute(statement.order_by(InboxRow.update_id))).scalars())


async def next_due(db: AsyncSession) -> datetime | None:
    """Return when the next postponed row is due, or None."""
    statement = select(InboxRow.not_before).where(
        InboxRow.state.in_([InboxState.NEW.value, InboxState.DIALOGUE.value]), InboxRow.not_before.is_not(None)
    )
    return (await db.execute(statement.order_by(InboxRow.not_before).limit(1))).scalar()


async def delete_chat(db: AsyncSession, chat_key: str, *, keep: int | None = None) -> None:
    """Delete what a chat sent, except the row being worked on (`keep`), whose payload is wiped.

    What has come since and was not screened yet stays: it may be a cry for help.
    """
    await db.execute(
        delete(InboxRow).where(
            InboxRow.chat_key == chat_key,
            InboxRow.update_id != (keep or -1),
            InboxRow.state != InboxState.NEW.value,
        )
    )
    if keep is not None:
        await db.execute(update(InboxRow).where(InboxRow.update_id == keep).values(payload_enc=None))
