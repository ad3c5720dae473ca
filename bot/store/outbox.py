"""What goes out: every Bot API call is stored with its cause, then delivered by `bot/services/delivery.py`.

Within a chat and lane rows leave strictly in order; the priority lane overtakes. A row is SENDING from before the call
until its outcome is stored, so that after a crash we know which calls are unsure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.ports import Lane
from bot.store.database import vault_of
from bot.store.models import InboxRow, OutboxRow, OutboxState
from bot.store.rows import changed_rows, insert_once

PROBE_DELAY_S = 1.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may be sent next, as far as the order within its chat goes."""

    outbox_id: int
    chat_key: str
    lane: Lane
    is_group: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row handed to a sender."""

    outbox_id: int
    chat_key: str
    chat_id: int
    is_group: bool
    lane: Lane
    method: str
    params: Mapping[str, Any]
    ref: str | None
    unsure: bool
    probe_after: int | None
    attempts: int
    created_at: datetime


async def enqueue(
    db: AsyncSession,
    *,
    chat_id: int,
    method: str,
    params: Mapping[str, Any],
    dedup_key: str,
    now: datetime,
    lane: Lane = Lane.ORDINARY,
    ref: str | None = None,
    not_before: datetime | None = None,
) -> bool:
    """Store a Bot API call to make.

    Args:
        params: The call's parameters without `chat_id`, ready for JSON.
        dedup_key: The same cause always has the same key (`u<update_id>:<n>`, `case:<id>:page:3`); a second call with
            a key that is stored changes nothing.
        ref: Who wants to hear of the outcome (`Escalations.delivered`).
        not_before: Earliest time to send.

    Returns:
        False when the key was stored already.
    """
    vault = vault_of(db)
    values = {
        "chat_key": vault.chat_key(chat_id),
        "chat_id_enc": vault.seal(str(chat_id)),
        "is_group": chat_id < 0,
        "lane": lane.value,
        "method": method,
        "payload_enc": vault.seal_json(dict(params)),
        "dedup_key": dedup_key,
        "ref": ref,
        "state": OutboxState.PENDING.value,
        "unsure": False,
        "attempts": 0,
        "not_before": not_before,
        "created_at": now,
    }
    return await insert_once(db, OutboxRow, values, unique=["dedup_key"])


async def find_candidates(db: AsyncSession, now: datetime, *, limit: int = 200) -> list[Candidate]:
    """Return rows that may be sent now: the first of each chat and lane, priority first, none of a busy chat."""
    rows = await db.execute(_CANDIDATES, {"now": now, "most": limit})
    return [Candidate(i, key, Lane(lane), group) for i, key, lane, group in rows]


def _candidates() -> Select[int, str, str, bool]:
    """Built once: putting the statement together took longer than running it."""
    earlier = aliased(OutboxRow)
    busy = aliased(OutboxRow)
    now = bindparam("now", type_=OutboxRow.not_before.type)
    return (
        select(OutboxRow.id, OutboxRow.chat_key, OutboxRow.lane, OutboxRow.is_group)
        .where(
            OutboxRow.state == OutboxState.PENDING.value,
            or_(OutboxRow.not_before.is_(None), OutboxRow.not_before <= now),
            ~exists().where(
                earlier.chat_key == OutboxRow.chat_key,
                earlier.lane == OutboxRow.lane,
                earlier.state == OutboxState.PENDING.value,
                earlier.id < OutboxRow.id,
            ),
            ~exists().where(busy.chat_key == OutboxRow.chat_key, busy.state == OutboxState.SENDING.value),
        )
        .order_by(case((OutboxRow.lane == Lane.PRIORITY.value, 0), else_=1), OutboxRow.id)
        .limit(bindparam("most", type_=Integer))
    )


_CANDIDATES = _candidates()


async def claim(
    db: AsyncSession, ids: Sequence[int], now: datetime, *, worker_id: str, lease_s: float
) -> list[Claimed]:
    """Mark rows as being sent and return those that nobody else took meanwhile, in the order of `ids`.

    Few statements whatever the number of rows: on a busy machine each one costs a change of threads.
    """
    if not ids:
        return []
    vault = vault_of(db)
    busy = aliased(OutboxRow)
    taken = await db.execute(
        update(OutboxRow)
        .where(
            OutboxRow.id.in_(ids),
            OutboxRow.state == OutboxState.PENDING.value,
            ~exists().where(busy.chat_key == OutboxRow.chat_key, busy.state == OutboxState.SENDING.value),
        )
        .values(
            state=OutboxState.SENDING.value,
            claimed_by=worker_id,
            lease_until=now + timedelta(seconds=lease_s),
            attempts=OutboxRow.attempts + 1,
        )
        .returning(OutboxRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    rows = sorted(taken.scalars(), key=lambda row: ids.index(row.id))
    newest_private = await newest_message_id(db, None) if any(not row.is_group for row in rows) else None
    claimed: list[Claimed] = []
    for row in rows:
        if any(row.chat_key == other.chat_key for other in claimed):
            # Two of one chat were asked for at once: one call at a time in a chat, the probe relies on it.
            row.state, row.claimed_by, row.lease_until = OutboxState.PENDING.value, None, None
            row.attempts -= 1
            continue
        if not row.unsure:
            # The first message to a group is looked for from the group's beginning.
            row.probe_after = (await newest_message_id(db, row.chat_key) or 0) if row.is_group else newest_private
        claimed.append(
            Claimed(
                outbox_id=row.id,
                chat_key=row.chat_key,
                chat_id=int(vault.open(row.chat_id_enc)),
                is_group=row.is_group,
                lane=Lane(row.lane),
                method=row.method,
                params=vault.open_json(row.payload_enc) if row.payload_enc else {},
                ref=row.ref,
                unsure=row.unsure,
                probe_after=row.probe_after,
                attempts=row.attempts,
                created_at=row.created_at,
            )
        )
    await db.flush()
    return claimed


async def newest_message_id(db: AsyncSession, group_key: str | None) -> int | None:
    """Return the highest message id known in a group, or (None) in all private chats, which share one counter."""
    sent = select(func.max(OutboxRow.telegram_message_id)).where(OutboxRow.is_group.is_(group_key is not None))
    received = select(func.max(InboxRow.message_id)).where(InboxRow.is_group.is_(group_key is not None))
    if group_key is not None:
        sent = sent.where(OutboxRow.chat_key == group_key)
        received = received.where(InboxRow.chat_key == group_key)
    known = (await db.execute(select(sent.scalar_subquery(), received.scalar_subquery()))).one()
    return max((message_id for message_id in known if message_id is not None), default=None)


async def known_message_ids(db: AsyncSession, *, after: int, up_to: int, chat_key: str, is_group: bool) -> set[int]:
    """Return ids in (after, up_to] that are known to be other messages, ours or people's.

    All private chats share one counter, so there the ids of every private chat count.
    """
    sent = select(OutboxRow.telegram_message_id).where(
        OutboxRow.is_group.is_(is_group), OutboxRow.telegram_message_id.between(after + 1, up_to)
    )
    received = select(InboxRow.message_id).where(
        InboxRow.is_group.is_(is_group), InboxRow.message_id.between(after + 1, up_to)
    )
    if is_group:
        sent, received = sent.where(OutboxRow.chat_key == chat_key), received.where(InboxRow.chat_key == chat_key)
    known = [*(await db.execute(sent)).scalars(), *(await db.execute(received)).scalars()]
    return {message_id for message_id in known if message_id is not None}


async def mark_sent(db: AsyncSession, row: Claimed, now: datetime, *, worker_id: str, message_id: int | None) -> bool:
    """Store that a row was delivered. Returns False when it is no longer ours."""
    result = await db.execute(
        _mine(row, worker_id).values(
            state=OutboxState.SENT.value,
            sent_at=now,
            telegram_message_id=message_id,
            lease_until=None,
            error_code=None,
            unsure=False,
        )
    )
    return changed_rows(result) == 1


async def mark_dead(db: AsyncSession, row: Claimed, now: datetime, *, worker_id: str, code: str) -> bool:
    """Store that a row can never be delivered. Returns False when it is no longer ours."""
    values = {"state": OutboxState.DEAD.value, "sent_at": now, "lease_until": None, "error_code": code}
    return changed_rows(await db.execute(_mine(row, worker_id).values(**values))) == 1


async def postpone(
    db: AsyncSession, row: Claimed, until: datetime, *, worker_id: str, code: str, unsure: bool, whole_chat: bool
) -> None:
    """Give a row back for a later try.

    Args:
        unsure: It may have been delivered: probe before sending again.
        whole_chat: Let the chat's other pending rows wait as long (Telegram paused the chat).
    """
    await db.execute(
        _mine(row, worker_id).values(
            state=OutboxState.PENDING.value,
            claimed_by=None,
            lease_until=None,
            not_before=until,
            error_code=code,
            unsure=unsure or row.unsure,
        )
    )
    if whole_chat:
        await db.execute(
            update(OutboxRow)
            .where(
                OutboxRow.chat_key == row.chat_key,
                OutboxRow.state == OutboxState.PENDING.value,
                or_(OutboxRow.not_before.is_(None), OutboxRow.not_before < until),
            )
            .values(not_before=until)
        )


async def move_chat(db: AsyncSession, old_chat_id: int, new_chat_id: int) -> int:
    """Readdress what still waits for a group that has a new id. Returns how many rows."""
    vault = vault_of(db)
    result = await db.execute(
        update(OutboxRow)
        .where(
            OutboxRow.chat_key == vault.chat_key(old_chat_id),
            OutboxRow.state.in_([OutboxState.PENDING.value, OutboxState.SENDING.value]),
        )
        .values(chat_key=vault.chat_key(new_chat_id), chat_id_enc=vault.seal(str(new_chat_id)))
    )
    return changed_rows(result)


async def release(db: AsyncSession, now: datetime, *, worker_id: str | None = None) -> int:
    """Make rows pending and unsure whose sender died: those of `worker_id`, and any past its lease.

    They are tried again after a moment: what people wrote meanwhile is fetched first, and its ids narrow the probe.
    """
    dead = OutboxRow.lease_until < now
    if worker_id is not None:
        dead = or_(dead, OutboxRow.claimed_by == worker_id)
    result = await db.execute(
        update(OutboxRow)
        .where(and_(OutboxRow.state == OutboxState.SENDING.value, dead))
        .values(
            state=OutboxState.PENDING.value,
            unsure=True,
            claimed_by=None,
            lease_until=None,
            not_before=now + timedelta(seconds=PROBE_DELAY_S),
        )
    )
    return changed_rows(result)


async def next_due(db: AsyncSession, now: datetime) -> datetime | None:
    """Return when the next postponed row may be sent, or None."""
    statement = select(func.min(OutboxRow.not_before)).where(
        OutboxRow.state == OutboxState.PENDING.value, OutboxRow.not_before > now
    )
    return (await db.execute(statement)).scalar()


async def is_queued(db: AsyncSession, dedup_key: str) -> bool:
    """Return whether a call with this key was stored, whatever became of it."""
    return (await db.execute(select(OutboxRow.id).where(OutboxRow.dedup_key == dedup_key))).first() is not None


async def count_pending(db: AsyncSession, chat_id: int | None = None) -> int:
    """Return how many rows wait or are being sent, in one chat or in all."""
    statement = select(func.count()).where(OutboxRow.state.in_([OutboxState.PENDING.value, OutboxState.SENDING.value]))
    if chat_id is not None:
        statement = statement.where(OutboxRow.chat_key == vault_of(db).chat_key(chat_id))
    return int((await db.execute(statement)).scalar_one())


async def delete_chat(db: AsyncSession, chat_key: str) -> None:
    """Delete everything addressed to a chat."""
    await db.execute(delete(OutboxRow).where(OutboxRow.chat_key == chat_key))


def _mine(row: Claimed, worker_id: str) -> Any:
    return update(OutboxRow).where(
        OutboxRow.id == row.outbox_id,
        OutboxRow.state == OutboxState.SENDING.value,
        OutboxRow.claimed_by == worker_id,
    )
