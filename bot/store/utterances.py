"""What was said, for the screen's history, the counselor's card, /data and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import vault_of
from bot.store.models import Utterance


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance ("in") or reply ("out"), opened."""

    utterance_id: int
    direction: str
    text: str
    level: int
    categories: tuple[str, ...]
    created_at: datetime


async def add_utterance(
    db: AsyncSession,
    person_id: uuid.UUID,
    text: str,
    now: datetime,
    *,
    direction: str = "in",
    level: int = 0,
    categories: Sequence[str] = (),
    message_id: int | None = None,
    passage_id: str | None = None,
) -> Utterance:
    """Store an utterance or a reply."""
    row = Utterance(
        person_id=person_id,
        direction=direction,
        text_enc=vault_of(db).seal(text),
        level=level,
        categories=",".join(categories),
        message_id=message_id,
        passage_id=passage_id,
        created_at=now,
    )
    db.add(row)
    await db.flush()
    return row


async def last_said(
    db: AsyncSession,
    person_id: uuid.UUID,
    *,
    limit: int,
    direction: str | None = None,
    since: datetime | None = None,
    before_id: int | None = None,
) -> list[Said]:
    """Return the last utterances and replies, oldest first."""
    statement = select(Utterance).where(Utterance.person_id == person_id)
    if direction is not None:
        statement = statement.where(Utterance.direction == direction)
    if since is not None:
        statement = statement.where(Utterance.created_at >= since)
    if before_id is not None:
        statement = statement.where(Utterance.id < before_id)
    rows = list((await db.execute(statement.order_by(Utterance.id.desc()).limit(limit))).scalars())
    return [opened(db, row) for row in reversed(rows)]


async def find_by_message(db: AsyncSession, person_id: uuid.UUID, message_id: int) -> Utterance | None:
    """Return the newest version of what the person wrote in one Telegram message."""
    statement = (
        select(Utterance)
        .where(Utterance.person_id == person_id, Utterance.direction == "in", Utterance.message_id == message_id)
        .order_by(Utterance.id.desc())
        .limit(1)
    )
    return (await db.execute(statement)).scalar_one_or_none()


def opened(db: AsyncSession, row: Utterance) -> Said:
    categories = tuple(part for part in row.categories.split(",") if part)
    return Said(row.id, row.direction, vault_of(db).open(row.text_enc), row.level, categories, row.created_at)
