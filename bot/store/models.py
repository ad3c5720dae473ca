"""The tables. Columns ending in `_enc` are sealed by the vault; nothing else holds a name, an id or an utterance.

A change here needs a migration in `migrations/versions/`; a test compares the two.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Index, Integer, LargeBinary, String, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

AutoId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows by itself only in INTEGER PRIMARY KEY."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python on both databases (SQLite forgets the zone). Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), bytes: LargeBinary(), uuid.UUID: Uuid()}


class InboxState(StrEnum):
    """NEW: not screened yet. HELD: waits for consent, or for a no to the safety question. DIALOGUE: screened, waits for the dialogue model.

    DONE and DEAD: finished.
    """

    NEW = "new"
    HELD = "held"
    DIALOGUE = "dialogue"
    DONE = "done"
    DEAD = "dead"


class OutboxState(StrEnum):
    """SENDING: handed to the Bot API, answer not stored yet (after a crash: unsure)."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


class Person(Base):
    """Someone who writes to Pendamping. `id` is the conversation_id; `deleted_at` marks a row kept for an open case."""

    __tablename__ = "person"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    pseudonym: Mapped[str] = mapped_column(String(64), unique=True)
    chat_key: Mapped[str] = mapped_column(String(64), unique=True)
    chat_id_enc: Mapped[bytes]
    name_enc: Mapped[bytes | None]
    role: Mapped[str | None] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(2), default="id")
    language_chosen: Mapped[bool] = mapped_column(Boolean, default=False)
    consent_at: Mapped[datetime | None]
    blocked_at: Mapped[datetime | None]
    last_topic_id: Mapped[str | None] = mapped_column(String(128))
    safety_asked_at: Mapped[datetime | None]
    safety_open: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_person_safety", "safety_open", "safety_asked_at"),)


class InboxRow(Base):
    """One update as it arrived. The chat's oldest row in a state is the only one that may be worked on."""

    __tablename__ = "inbox"

    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chat_key: Mapped[str] = mapped_column(String(64))
    payload_enc: Mapped[bytes | None]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default=InboxState.NEW.value)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    utterance_id: Mapped[int | None] = mapped_column(BigInteger)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    is_group: Mapped[bool] = mapped_column(Boolean, default=False)
    error_code: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index("ix_inbox_newest", "is_group", "message_id"),
        Index("ix_inbox_state", "state", "update_id"),
        Index("ix_inbox_chat", "chat_key", "state", "update_id"),
    )


class OutboxRow(Base):
    """One Bot API call to make. `ref` names what wants to hear of the outcome (`case:…`), if anybody does."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    chat_key: Mapped[str] = mapped_column(String(64))
    chat_id_enc: Mapped[bytes]
    is_group: Mapped[bool] = mapped_column(Boolean, default=False)
    lane: Mapped[str] = mapped_column(String(10))
    method: Mapped[str] = mapped_column(String(40))
    payload_enc: Mapped[bytes | None]
    dedup_key: Mapped[str] = mapped_column(String(128), unique=True)
    ref: Mapped[str | None] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(10), default=OutboxState.PENDING.value)
    unsure: Mapped[bool] = mapped_column(Boolean, default=False)
    probe_after: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    telegram_message_id: Mapped[int | None] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index("ix_outbox_state", "state", "lane", "id"),
        Index("ix_outbox_chat", "chat_key", "state", "id"),
        Index("ix_outbox_message", "chat_key", "telegram_message_id"),
        Index("ix_outbox_newest", "is_group", "telegram_message_id"),
    )


class Utterance(Base):
    """What a person said ("in") or the bot replied ("out"), deleted after the retention time."""

    __tablename__ = "utterance"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    direction: Mapped[str] = mapped_column(String(3))
    text_enc: Mapped[bytes]
    level: Mapped[int] = mapped_column(Integer, default=0)
    categories: Mapped[str] = mapped_column(String(200), default="")
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    passage_id: Mapped[str | None] = mapped_column(String(160))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_utterance_person", "person_id", "id"),
        Index("ix_utterance_created", "created_at"),
    )


class Feedback(Base):
    """Whether a passage helped. Holds no person: nobody needs to know who said so."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    passage_key: Mapped[str] = mapped_column(String(64))
    voter_key: Mapped[str] = mapped_column(String(64), unique=True)
    helped: Mapped[bool] = mapped_column(Boolean)
    language: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[datetime]


class ReviewQuestion(Base):
    """A question that was answered badly or not at all, for the people who write passages. Holds no identity."""

    __tablename__ = "review_question"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    question_enc: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(2))
    reason: Mapped[str] = mapped_column(String(32))
    passage_key: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


class KeyValue(Base):
    """Small facts that must survive a restart (`bot_username`, `staff_chat_id`, a group's last hint)."""

    __tablename__ = "kv"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    value: Mapped[str] = mapped_column(String(2000))
    updated_at: Mapped[datetime]


class Lease(Base):
    """Who alone may do a job that must not run twice at once (polling, the ticker)."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]
