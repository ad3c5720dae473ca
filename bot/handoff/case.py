"""The life of a case: open, acknowledged, talking, closed; raised, released and reopened on the way.

Each function takes the facts of a case and returns the new ones; storing them is the service's work. Deadlines
and pages are computed in `paging.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.handoff import paging
from bot.handoff.errors import IllegalStepError
from bot.handoff.paging import EMERGENCY, URGENT, Deadlines

REOPEN_WITHIN = timedelta(hours=12)
"""A person at risk again within this time after the end gets the same case, with its notes and its topic."""

HOLD = timedelta(minutes=60)
"""How long the bot leaves the talking to humans while nobody has taken an urgent case; then it answers again, so that
nobody sits a whole night with the same two buttons. The case stays open and paging goes on."""


class CaseState(StrEnum):
    """OPEN: nobody has it. ACKNOWLEDGED: a counselor took it. TALKING: the counselor has written. CLOSED: over."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    TALKING = "talking"
    CLOSED = "closed"


class CaseKind(StrEnum):
    """Why a case is there: the screen saw a risk, or the person asked for a human."""

    RISK = "risk"
    REQUEST = "request"


class Outcome(StrEnum):
    """How a case ended."""

    DONE = "done"
    FALSE_ALARM = "false_alarm"
    PERSON_ENDED = "person_ended"
    SAFE = "safe"
    REFERRED = "referred"
    NOT_REACHED = "not_reached"


ACTIVE = frozenset({CaseState.OPEN, CaseState.ACKNOWLEDGED, CaseState.TALKING})
TAKEN = frozenset({CaseState.ACKNOWLEDGED, CaseState.TALKING})


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What decides about a case.

    Attributes:
        level: 0 to 3; never falls while the case is active.
        categories: Risk categories, first seen first.
        asked_at: When the person began to wait: the opening or the last reopening. Waiting times count from here.
        opened_at: Start of the present round of pages: the opening, or the last reopening or release.
        due_at: Somebody must have taken the case by then.
        next_page_at: None unless the case is open.
        page_count: Pages since the present round began.
        paged_at: The last of them.
        next_tell_at: When the person is told that it takes longer; None unless the case is open.
        awaiting_since: The person waits for the counselor's word since then; None when it is the person's turn.
        next_remind_at: When the counselor is reminded of that.
        hold_until: Until then the bot leaves the talking to humans; None: it does not.
        counselor_id: Who has the case; None while it is open.
    """

    state: CaseState
    kind: CaseKind
    level: int
    asked_at: datetime
    opened_at: datetime
    categories: tuple[str, ...] = ()
    due_at: datetime | None = None
    next_page_at: datetime | None = None
    page_count: int = 0
    paged_at: datetime | None = None
    next_tell_at: datetime | None = None
    tell_count: int = 0
    acknowledged_at: datetime | None = None
    first_word_at: datetime | None = None
    awaiting_since: datetime | None = None
    next_remind_at: datetime | None = None
    remind_count: int = 0
    hold_until: datetime | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None
    counselor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """What a new risk did to an active case.

    Attributes:
        higher: The level rose.
        page_now: Nobody has the case, and the last page is old enough or said less.
    """

    facts: CaseFacts
    higher: bool
    page_now: bool


def open_case(
    *, kind: CaseKind, level: int, categories: Iterable[str], now: datetime, deadlines: Deadlines
) -> CaseFacts:
    """Return a new case that has just been paged."""
    fresh = CaseFacts(CaseState.OPEN, kind, level, now, now, _unique(categories))
    return _start_round(fresh, now, deadlines)


def raise_case(
    facts: CaseFacts, *, level: int, categories: Iterable[str], now: datetime, deadlines: Deadlines, risk: bool = True
) -> Raised:
    """Merge a new risk (or a request for a human) into an active case.

    Raises:
        IllegalStepError: The case is closed; see `reopen_case`.
    """
    _must(facts, *ACTIVE)
    higher = level > facts.level
    merged = replace(
        facts,
        level=max(level, facts.level),
        kind=CaseKind.RISK if risk else facts.kind,
        categories=_unique([*facts.categories, *categories]),
    )
    if risk and level >= URGENT:
        merged = replace(merged, hold_until=now + HOLD)
    if facts.state is not CaseState.OPEN:
        return Raised(merged, higher, page_now=False)
    page_now = higher or (risk and paging.may_page_again(facts.paged_at, now))
    if higher:
        due = now + deadlines.respond_within(level)
        merged = replace(
            merged, due_at=min(due, facts.due_at or due), next_tell_at=min(due, facts.next_tell_at or due)
        )
    if page_now:
        merged = note_page(merged, now, deadlines)
    return Raised(merged, higher, page_now)


def note_page(facts: CaseFacts, now: datetime, deadlines: Deadlines) -> CaseFacts:
    """Count a page and plan the next one. Raises IllegalStepError unless the case is open."""
    _must(facts, CaseState.OPEN)
    count = facts.page_count + 1
    following = paging.next_page_at(facts.level, facts.opened_at, facts.due_at, count, now, deadlines)
    return replace(facts, page_count=count, paged_at=now, next_page_at=following)


def note_tell(facts: CaseFacts, now: datetime) -> CaseFacts:
    """Count that the person was told it takes longer, and plan the next time."""
    _must(facts, CaseState.OPEN)
    count = facts.tell_count + 1
    return replace(facts, tell_count=count, next_tell_at=paging.next_tell_at(count, now))


def take_case(facts: CaseFacts, *, counselor_id: int, now: datetime) -> CaseFacts:
    """A counselor takes an open case. Raises IllegalStepError when somebody else was faster."""
    _must(facts, CaseState.OPEN)
    return replace(
        facts,
        state=CaseState.ACKNOWLEDGED,
        counselor_id=counselor_id,
        acknowledged_at=facts.acknowledged_at or now,
        awaiting_since=now,
        next_remind_at=paging.next_remind_at(now, 0),
        remind_count=0,
        next_page_at=None,
        next_tell_at=None,
        due_at=None,
    )


def counselor_spoke(facts: CaseFacts, now: datetime) -> CaseFacts:
    """The counselor wrote to the person."""
    _must(facts, *TAKEN)
    return replace(
        facts,
        state=CaseState.TALKING,
        first_word_at=facts.first_word_at or now,
        awaiting_since=None,
        next_remind_at=None,
        remind_count=0,
    )


def person_spoke(facts: CaseFacts, now: datetime) -> CaseFacts:
    """The person wrote to the counselor; the first unanswered word starts the waiting."""
    _must(facts, *TAKEN)
    if facts.awaiting_since is not None:
        return facts
    return replace(facts, awaiting_since=now, next_remind_at=paging.next_remind_at(now, 0), remind_count=0)


def note_reminder(facts: CaseFacts) -> CaseFacts:
    """Count a reminder to the counselor and plan the next. The last one is followed by `release_case`."""
    _must(facts, *TAKEN)
    if facts.awaiting_since is None:
        return facts
    count = facts.remind_count + 1
    return replace(facts, remind_count=count, next_remind_at=paging.next_remind_at(facts.awaiting_since, count))


def hand_over(facts: CaseFacts, *, counselor_id: int, now: datetime) -> CaseFacts:
    """Give a taken case to a colleague, who owes the person the next word."""
    _must(facts, *TAKEN)
    return replace(
        facts,
        state=CaseState.ACKNOWLEDGED,
        counselor_id=counselor_id,
        awaiting_since=now,
        next_remind_at=paging.next_remind_at(now, 0),
        remind_count=0,
    )


def release_case(facts: CaseFacts, now: datetime, deadlines: Deadlines) -> CaseFacts:
    """Put a taken case back into the queue (the counselor left, gave it back or fell silent): a new round begins."""
    _must(facts, *TAKEN)
    return _start_round(facts, now, deadlines)


def close_case(facts: CaseFacts, *, outcome: Outcome, now: datetime) -> CaseFacts:
    """End an active case."""
    _must(facts, *ACTIVE)
    return replace(
        facts,
        state=CaseState.CLOSED,
        outcome=outcome,
        closed_at=now,
        due_at=None,
        next_page_at=None,
        next_tell_at=None,
        awaiting_since=None,
        next_remind_at=None,
        hold_until=None,
    )


def may_reopen(facts: CaseFacts, now: datetime) -> bool:
    """Return whether a new risk belongs to this closed case."""
    return facts.state is CaseState.CLOSED and facts.closed_at is not None and now - facts.closed_at <= REOPEN_WITHIN


def reopen_case(
    facts: CaseFacts, *, level: int, categories: Iterable[str], now: datetime, deadlines: Deadlines
) -> CaseFacts:
    """Begin a new round of a closed case at the new risk's level."""
    _must(facts, CaseState.CLOSED)
    merged = replace(
        facts,
        kind=CaseKind.RISK if level >= URGENT else facts.kind,
        level=level,
        categories=_unique([*facts.categories, *categories]),
        asked_at=now,
        outcome=None,
        closed_at=None,
        acknowledged_at=None,
        first_word_at=None,
    )
    return _start_round(merged, now, deadlines)


def needs_check_in(facts: CaseFacts) -> bool:
    """Return whether somebody asks the day after how the person is (not where the alarm was false)."""
    return facts.level >= EMERGENCY and facts.outcome is not Outcome.FALSE_ALARM


def _start_round(facts: CaseFacts, now: datetime, deadlines: Deadlines) -> CaseFacts:
    due = now + deadlines.respond_within(facts.level)
    fresh = replace(
        facts,
        state=CaseState.OPEN,
        opened_at=now,
        due_at=due,
        page_count=0,
        tell_count=0,
        next_tell_at=due,
        awaiting_since=None,
        next_remind_at=None,
        remind_count=0,
        counselor_id=None,
        hold_until=now + HOLD if facts.level >= URGENT else None,
    )
    return note_page(fresh, now, deadlines)


def _must(facts: CaseFacts, *states: CaseState) -> None:
    if facts.state not in states:
        raise IllegalStepError(f"expected {', '.join(sorted(states))}; the case is {facts.state.value}")


def _unique(categories: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(categories))
