"""Deletes what is older than promised. Dead rows keep their payload until the retention time, so that none is lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.models import Feedback, InboxRow, InboxState, KeyValue, OutboxRow, OutboxState, ReviewQuestion, Utterance
from bot.store.rows import changed_rows

HELD_FOR = timedelta(hours=1)
"""How long what somebody wrote waits for their consent, or for their answer to the safety question."""


async def purge(db: AsyncSession, now: datetime, *, retention_days: int, payload_days: int) -> int:
    """Delete old utterances, finished rows and hints. Returns how many rows went.

    Outbox rows that a chat's order or the probe still needs (the newest of a chat) may go: message ids older than the
    payload time are of no use to a probe.
    """
    old = now - timedelta(days=retention_days)
    finished = now - timedelta(days=payload_days)
    statements = [
        delete(Utterance).where(Utterance.created_at < old),
        delete(ReviewQuestion).where(ReviewQuestion.created_at < old),
        delete(Feedback).where(Feedback.created_at < old),
        delete(InboxRow).where(
            or_(
                (InboxRow.state == InboxState.HELD.value) & (InboxRow.received_at < now - HELD_FOR),
                (InboxRow.state == InboxState.DONE.value) & (InboxRow.done_at < finished),
                (InboxRow.state == InboxState.DEAD.value) & (InboxRow.done_at < old),
            )
        ),
        delete(OutboxRow).where(
            or_(
                (OutboxRow.state == OutboxState.SENT.value) & (OutboxRow.sent_at < finished),
                (OutboxRow.state == OutboxState.DEAD.value) & (OutboxRow.sent_at < old),
            )
        ),
        delete(KeyValue).where(KeyValue.key.startswith("group_hint:"), KeyValue.updated_at < finished),
    ]
    return sum([changed_rows(await db.execute(statement)) for statement in statements])


async def oldest_unfinished(db: AsyncSession) -> datetime | None:
    """Return when the oldest update still waiting arrived, for a health check."""
    waiting = InboxRow.state.in_([InboxState.NEW.value, InboxState.DIALOGUE.value])
    statement = select(InboxRow.received_at).where(waiting)
    return (await db.execute(statement.order_by(InboxRow.received_at).limit(1))).scalar()
