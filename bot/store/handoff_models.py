"""Tables of escalation and handoff: cases, what happened in them, counselors and their shifts.

Columns ending in `_enc` are sealed. What decides about a case mirrors `bot.handoff.case.CaseFacts`;
`cases.py` converts.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.models import AutoId, Base

_ACTIVE = text("state <> 'closed'")


class Counselor(Base):
    """Somebody who answers. `registered_at` is None for members of a group in which nobody has registered yet."""

    __tablename__ = "counselor"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    user_key: Mapped[str] = mapped_column(String(64), unique=True)
    user_id_enc: Mapped[bytes]
    name_enc: Mapped[bytes]
    is_supervisor: Mapped[bool] = mapped_column(Boolean, default=False)
    can_dm: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]
    registered_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]


class RegistrationCode(Base):
    """A one-time code for a new counselor; only its keyed digest is kept."""

    __tablename__ = "registration_code"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    code_key: Mapped[str] = mapped_column(String(64), unique=True)
    name_enc: Mapped[bytes]
    is_supervisor: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RosterShift(Base):
    """A weekly shift; see `bot.handoff.roster.Shift`."""

    __tablename__ = "roster_shift"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    counselor_id: Mapped[int] = mapped_column(ForeignKey("counselor.id", ondelete="CASCADE"))
    weekday: Mapped[int] = mapped_column(Integer)
    start_minute: Mapped[int] = mapped_column(Integer)
    end_minute: Mapped[int] = mapped_column(Integer)
    zone: Mapped[str] = mapped_column(String(40))


class Case(Base):
    """A risk, or a wish for a human, until it is closed. Outlives the person's row.

    Attributes:
        card_enc: JSON of what the card shows: utterances, evidence, last messages.
        raised_at: The last time a risk opened or raised the case.
        person_ended_at: The person ended the conversation; the case is still the counselor's to close.
        held_at: When the person was last offered grounding while waiting.
        topic_count: Forum topics asked for so far (a deleted one is replaced).
        staff_chat_key: Chat the card was posted to; another one means that the group moved.
    """

    __tablename__ = "case"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    version: Mapped[int] = mapped_column(Integer)
    person_id: Mapped[uuid.UUID]
    pseudonym: Mapped[str] = mapped_column(String(64))
    role: Mapped[str | None] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(2))
    card_enc: Mapped[bytes | None]

    state: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(10))
    level: Mapped[int] = mapped_column(Integer)
    categories: Mapped[str] = mapped_column(String(200), default="")
    asked_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    next_page_at: Mapped[datetime | None]
    page_count: Mapped[int] = mapped_column(Integer, default=0)
    paged_at: Mapped[datetime | None]
    next_tell_at: Mapped[datetime | None]
    tell_count: Mapped[int] = mapped_column(Integer, default=0)
    acknowledged_at: Mapped[datetime | None]
    first_word_at: Mapped[datetime | None]
    awaiting_since: Mapped[datetime | None]
    next_remind_at: Mapped[datetime | None]
    remind_count: Mapped[int] = mapped_column(Integer, default=0)
    hold_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    counselor_id: Mapped[int | None] = mapped_column(ForeignKey("counselor.id"))

    raised_at: Mapped[datetime | None]
    person_ended_at: Mapped[datetime | None]
    person_blocked_at: Mapped[datetime | None]
    held_at: Mapped[datetime | None]
    check_in_at: Mapped[datetime | None]
    thread_id: Mapped[int | None] = mapped_column(BigInteger)
    topic_count: Mapped[int] = mapped_column(Integer, default=0)
    card_message_id: Mapped[int | None] = mapped_column(BigInteger)
    staff_chat_key: Mapped[str | None] = mapped_column(String(64))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own form
    __table_args__ = (
        # One active case a person, whatever two gateways do at the same time.
        Index("uq_case_active", "person_id", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        Index("ix_case_person", "person_id", "id"),
        Index("ix_case_page", "state", "next_page_at"),
        Index("ix_case_tell", "state", "next_tell_at"),
        Index("ix_case_remind", "next_remind_at"),
        Index("ix_case_check_in", "check_in_at"),
        Index("ix_case_thread", "thread_id"),
        Index("ix_case_asked", "asked_at"),
    )


class CaseEvent(Base):
    """One line of a case's timeline: what happened, and which counselor did or saw it. Also private notes."""

    __tablename__ = "case_event"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(24))
    counselor_id: Mapped[int | None] = mapped_column(ForeignKey("counselor.id"))
    detail_enc: Mapped[bytes | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_case_event_case", "case_id", "id"),
        Index("ix_case_event_kind", "kind", "created_at"),
    )


class CaseMessage(Base):
    """A message of a case in the counselors' chat and, where it was relayed, its twin in the person's chat.

    `kind`: card, page, note (the bot's own words to counselors), in (from the person), out (from a counselor).
    """

    __tablename__ = "case_message"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    staff_message_id: Mapped[int | None] = mapped_column(BigInteger)
    person_message_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_case_message_case", "case_id"),
        Index("ix_case_message_staff", "staff_message_id"),
        Index("ix_case_message_person", "case_id", "person_message_id"),
    )


class RiskMark(Base):
    """A counselor's verdict on what the screen said, for those who improve it. Names nobody."""

    __tablename__ = "risk_mark"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    verdict: Mapped[str] = mapped_column(String(16))
    level: Mapped[int] = mapped_column(Integer)
    categories: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2))
    role: Mapped[str | None] = mapped_column(String(16))
    utterance_enc: Mapped[bytes]
    evidence_enc: Mapped[bytes]
    created_at: Mapped[datetime]
