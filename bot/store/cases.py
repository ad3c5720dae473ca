"""Cases as rows: found and locked, turned into facts for `bot.handoff.case` and back, with their timeline."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import ACTIVE, CaseFacts, CaseKind, CaseState, Outcome
from bot.handoff.queue import Waiting
from bot.store.database import vault_of
from bot.store.handoff_models import Case, CaseEvent, CaseMessage, RiskMark
from bot.store.rows import changed_rows

_ACTIVE_STATES = [state.value for state in ACTIVE]
_SAME = (
    "level", "asked_at", "opened_at", "due_at", "next_page_at", "page_count", "paged_at", "next_tell_at", "tell_count",
    "acknowledged_at", "first_word_at", "awaiting_since", "next_remind_at", "remind_count", "hold_until", "closed_at",
    "counselor_id",
)  # fmt: skip
"""Columns that the facts hold under the same name and type."""


def facts_of(row: Case) -> CaseFacts:
    """Return what the row says."""
    return CaseFacts(
        state=CaseState(row.state),
        kind=CaseKind(row.kind),
        categories=tuple(part for part in row.categories.split(",") if part),
        outcome=Outcome(row.outcome) if row.outcome else None,
        **{name: getattr(row, name) for name in _SAME},
    )


def store_facts(row: Case, facts: CaseFacts) -> None:
    """Write the facts into a locked row."""
    row.state, row.kind = facts.state.value, facts.kind.value
    row.categories = ",".join(facts.categories)[:200]
    row.outcome = facts.outcome.value if facts.outcome else None
    for name in _SAME:
        setattr(row, name, getattr(facts, name))


@dataclass(frozen=True, slots=True)
class CardContent:
    """What a card shows beside the facts.

    Attributes:
        utterances: What the person wrote when the case was opened or raised, oldest first.
        evidence: The words that raised it.
        history: Last messages before it: direction and text.
        rung: How far suicidal thoughts go, as the screen read them.
    """

    utterances: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    rung: str | None = None


def open_card(db: AsyncSession, row: Case) -> CardContent:
    """Return the sealed part of the card; empty once it was deleted."""
    if row.card_enc is None:
        return CardContent()
    raw = vault_of(db).open_json(row.card_enc)
    history = tuple((str(direction), str(text)) for direction, text in raw["history"])
    return CardContent(tuple(raw["utterances"]), tuple(raw["evidence"]), history, raw["rung"])


def seal_card(db: AsyncSession, row: Case, card: CardContent) -> None:
    """Store what the card shows: of many utterances the one that opened the case and the last two."""
    said = list(card.utterances)
    row.card_enc = vault_of(db).seal_json(
        {
            "utterances": said if len(said) <= 3 else [said[0], *said[-2:]],
            "evidence": list(dict.fromkeys(card.evidence))[-6:],
            "history": [list(item) for item in card.history],
            "rung": card.rung,
        }
    )


def _locked(statement: Select[Case], *, skip: bool = False) -> Select[Case]:
    # populate_existing: after waiting for the lock the row may differ from what this session has read before.
    return statement.with_for_update(skip_locked=skip).execution_options(populate_existing=True)


async def lock_case(db: AsyncSession, case_id: int) -> Case | None:
    """Return a case that nobody else changes until the end of this transaction."""
    return (await db.execute(_locked(select(Case).where(Case.id == case_id)))).scalar_one_or_none()


async def lock_active(db: AsyncSession, person_id: uuid.UUID) -> Case | None:
    """Return the person's active case, locked."""
    statement = select(Case).where(Case.person_id == person_id, Case.state.in_(_ACTIVE_STATES))
    return (await db.execute(_locked(statement))).scalar_one_or_none()


async def find_active(db: AsyncSession, person_id: uuid.UUID) -> Case | None:
    """Return the person's active case without locking it."""
    statement = select(Case).where(Case.person_id == person_id, Case.state.in_(_ACTIVE_STATES))
    return (await db.execute(statement)).scalar_one_or_none()


async def lock_newest_closed(db: AsyncSession, person_id: uuid.UUID) -> Case | None:
    """Return the person's last closed case, locked."""
    statement = select(Case).where(Case.person_id == person_id, Case.state == CaseState.CLOSED.value)
    return (await db.execute(_locked(statement.order_by(Case.id.desc()).limit(1)))).scalar_one_or_none()


async def lock_due(
    db: AsyncSession, column: Any, now: datetime, *, limit: int = 50, active: bool = True
) -> list[Case]:
    """Return cases whose deadline in `column` has passed, locked; those another gateway works on are left out.

    Args:
        active: Look at active cases only, which the indexes find at once among years of closed ones.
    """
    due = [column <= now, *([Case.state.in_(_ACTIVE_STATES)] if active else [])]
    statement = select(Case).where(*due).order_by(Case.level.desc(), column).limit(limit)
    return list((await db.execute(_locked(statement, skip=True))).scalars())


async def active_cases(db: AsyncSession) -> list[Case]:
    """Return every active case, most urgent first."""
    statement = select(Case).where(Case.state.in_(_ACTIVE_STATES)).order_by(Case.level.desc(), Case.asked_at, Case.id)
    return list((await db.execute(statement)).scalars())


async def cases_of(db: AsyncSession, counselor_id: int) -> list[Case]:
    """Return the active cases a counselor has."""
    statement = select(Case).where(Case.counselor_id == counselor_id, Case.state.in_(_ACTIVE_STATES))
    return list((await db.execute(statement.order_by(Case.id))).scalars())


async def all_of(db: AsyncSession, person_id: uuid.UUID) -> list[Case]:
    """Return every case of a person, oldest first."""
    return list((await db.execute(select(Case).where(Case.person_id == person_id).order_by(Case.id))).scalars())


async def dealt_with_until(db: AsyncSession, person_id: uuid.UUID) -> datetime | None:
    """Return when a counselor last closed a case of this person. What the person ended themselves does not count."""
    statement = select(func.max(Case.closed_at)).where(
        Case.person_id == person_id,
        Case.state == CaseState.CLOSED.value,
        Case.outcome != Outcome.PERSON_ENDED.value,
    )
    return (await db.execute(statement)).scalar()


async def waiting(db: AsyncSession) -> list[Waiting]:
    """Return the queue, unsorted."""
    statement = select(Case.id, Case.level, Case.asked_at).where(Case.state == CaseState.OPEN.value)
    return [Waiting(case_id, level, asked_at) for case_id, level, asked_at in await db.execute(statement)]


async def asked_between(db: AsyncSession, since: datetime, until: datetime) -> list[Case]:
    """Return cases that began in a span, for figures."""
    statement = select(Case).where(Case.asked_at >= since, Case.asked_at < until).order_by(Case.asked_at)
    return list((await db.execute(statement)).scalars())


# --- Timeline -----------------------------------------------------------------------------------


async def add_event(
    db: AsyncSession,
    case_id: int,
    kind: str,
    now: datetime,
    *,
    counselor_id: int | None = None,
    detail: str | None = None,
) -> CaseEvent:
    """Add a line to the timeline. Its id makes the dedup keys of what follows from it."""
    sealed = vault_of(db).seal(detail) if detail else None
    event = CaseEvent(case_id=case_id, kind=kind, counselor_id=counselor_id, detail_enc=sealed, created_at=now)
    db.add(event)
    await db.flush()
    return event


async def events_of(db: AsyncSession, case_id: int, kinds: Iterable[str] = ()) -> list[CaseEvent]:
    """Return the timeline, oldest first."""
    statement = select(CaseEvent).where(CaseEvent.case_id == case_id)
    wanted = list(kinds)
    if wanted:
        statement = statement.where(CaseEvent.kind.in_(wanted))
    return list((await db.execute(statement.order_by(CaseEvent.id))).scalars())


async def count_events(db: AsyncSession, kind: str, since: datetime) -> int:
    statement = select(func.count()).where(CaseEvent.kind == kind, CaseEvent.created_at > since)
    return int((await db.execute(statement)).scalar_one())


# --- Messages -----------------------------------------------------------------------------------


async def add_message(
    db: AsyncSession,
    case_id: int,
    kind: str,
    now: datetime,
    *,
    staff_message_id: int | None = None,
    person_message_id: int | None = None,
) -> CaseMessage:
    """Note a message of the case; the missing id comes with its delivery."""
    message = CaseMessage(
        case_id=case_id,
        kind=kind,
        staff_message_id=staff_message_id,
        person_message_id=person_message_id,
        created_at=now,
    )
    db.add(message)
    await db.flush()
    return message


async def newest_cards(db: AsyncSession, case_id: int) -> list[int]:
    """Return the message ids of a case's last two delivered cards."""
    statement = (
        select(CaseMessage.staff_message_id)
        .where(CaseMessage.case_id == case_id, CaseMessage.kind == "card", CaseMessage.staff_message_id.is_not(None))
        .order_by(CaseMessage.id.desc())
        .limit(2)
    )
    return [message_id for message_id in (await db.execute(statement)).scalars() if message_id is not None]


async def case_of_message(db: AsyncSession, staff_message_id: int) -> int | None:
    """Return the case that a message in the counselors' chat belongs to."""
    statement = select(CaseMessage.case_id).where(CaseMessage.staff_message_id == staff_message_id)
    return (await db.execute(statement.order_by(CaseMessage.id.desc()).limit(1))).scalar_one_or_none()


async def case_of_thread(db: AsyncSession, thread_id: int) -> int | None:
    """Return the newest case of a forum topic."""
    statement = select(Case.id).where(Case.thread_id == thread_id).order_by(Case.id.desc()).limit(1)
    return (await db.execute(statement)).scalar_one_or_none()


async def message_from_counselor(db: AsyncSession, staff_message_id: int) -> CaseMessage | None:
    """Return the relay of what a counselor wrote."""
    statement = select(CaseMessage).where(CaseMessage.kind == "out", CaseMessage.staff_message_id == staff_message_id)
    return (await db.execute(statement.order_by(CaseMessage.id.desc()).limit(1))).scalar_one_or_none()


async def message_from_person(db: AsyncSession, case_id: int, person_message_id: int) -> CaseMessage | None:
    """Return the relay of what the person wrote."""
    statement = select(CaseMessage).where(
        CaseMessage.case_id == case_id, CaseMessage.kind == "in", CaseMessage.person_message_id == person_message_id
    )
    return (await db.execute(statement.order_by(CaseMessage.id.desc()).limit(1))).scalar_one_or_none()


async def forget_staff_messages(db: AsyncSession, case_id: int) -> None:
    """Drop the ids of a chat that no longer exists (the group moved)."""
    await db.execute(update(CaseMessage).where(CaseMessage.case_id == case_id).values(staff_message_id=None))


# --- Deleting -----------------------------------------------------------------------------------


async def delete_closed(db: AsyncSession, person_id: uuid.UUID) -> None:
    """Delete a person's closed cases with everything in them."""
    ids = list(
        (
            await db.execute(select(Case.id).where(Case.person_id == person_id, Case.state == CaseState.CLOSED.value))
        ).scalars()
    )
    await _delete(db, ids)


async def purge(db: AsyncSession, before: datetime) -> int:
    """Delete cases closed before a moment, and verdicts as old. Returns how many cases."""
    statement = select(Case.id).where(Case.state == CaseState.CLOSED.value, Case.closed_at < before).limit(500)
    ids = list((await db.execute(statement)).scalars())
    await db.execute(delete(RiskMark).where(RiskMark.created_at < before))
    return await _delete(db, ids)


async def _delete(db: AsyncSession, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    await db.execute(delete(CaseEvent).where(CaseEvent.case_id.in_(ids)))
    await db.execute(delete(CaseMessage).where(CaseMessage.case_id.in_(ids)))
    return changed_rows(await db.execute(delete(Case).where(Case.id.in_(ids))))


def as_json(db: AsyncSession, row: Case, notes: int) -> dict[str, Any]:
    """Return what a person may see of their own case: not the counselors' private notes, but that there are some."""
    card = open_card(db, row)
    return {
        "opened_at": row.asked_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
        "state": row.state,
        "kind": row.kind,
        "level": row.level,
        "categories": [part for part in row.categories.split(",") if part],
        "outcome": row.outcome,
        "words_that_opened_it": list(card.utterances),
        "counselor_notes": notes,
    }
