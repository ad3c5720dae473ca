"""Feedback on passages, and questions that need a better passage. Neither knows who asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import vault_of
from bot.store.models import Feedback, ReviewQuestion
from bot.store.rows import insert_once

_LONGEST_KEY = 58
"""Callback data holds 64 bytes and begins with `f:y:`."""


def passage_key(passage_id: str) -> str:
    """Return what stands for a passage in callback data and tables: its id, or a digest where that is too long."""
    if len(passage_id.encode()) <= _LONGEST_KEY:
        return passage_id
    return "#" + hashlib.sha256(passage_id.encode()).hexdigest()[:32]


async def add_feedback(
    db: AsyncSession, *, key: str, helped: bool, language: str, chat_id: int, message_id: int | None, now: datetime
) -> bool:
    """Store one vote; a second tap under the same reply changes nothing. Returns True when it was new."""
    voter = vault_of(db).fingerprint(f"{chat_id}:{message_id}:{key}")
    values = {"passage_key": key[:64], "voter_key": voter, "helped": helped, "language": language, "created_at": now}
    return await insert_once(db, Feedback, values, unique=["voter_key"])


async def add_review_question(
    db: AsyncSession, question: str, *, language: str, reason: str, now: datetime, key: str | None = None
) -> None:
    """Queue a question for the people who write passages. Reasons: `unanswered`, `not_helpful`."""
    sealed = vault_of(db).seal(question)
    db.add(ReviewQuestion(question_enc=sealed, language=language, reason=reason, passage_key=key, created_at=now))
    await db.flush()


@dataclass(frozen=True, slots=True)
class QueuedQuestion:
    """A question of the review queue. Holds no person, no time and no order."""

    text: str
    language: str
    reason: str


async def take_review_questions(db: AsyncSession) -> list[QueuedQuestion]:
    """Return all queued questions and delete them; both happen when the transaction ends well."""
    rows = (await db.execute(select(ReviewQuestion).order_by(ReviewQuestion.id))).scalars().all()
    vault = vault_of(db)
    questions = [QueuedQuestion(vault.open(row.question_enc), row.language, row.reason) for row in rows]
    if rows:
        await db.execute(delete(ReviewQuestion).where(ReviewQuestion.id <= rows[-1].id))
    # In the order of arrival, neighbours would often be one person's questions.
    return sorted(questions, key=lambda question: hashlib.sha256(question.text.encode("utf-8", "replace")).digest())
