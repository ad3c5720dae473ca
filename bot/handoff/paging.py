"""When counselors are called, again and wider, and when people are told that it takes longer.

Source of the deadlines: the risk taxonomy (first response within 15 minutes at level 2; level 3 is paged again until
somebody takes it). The pauses are ours: short at first, growing and capped, within Telegram's 20 a minute in a group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

SUPPORT, URGENT, EMERGENCY = 1, 2, 3
"""Levels of the risk taxonomy."""

_MINUTE = timedelta(minutes=1)
_PAUSES_MIN = {EMERGENCY: (1.0, 1.0, 2.0, 3.0, 5.0), URGENT: (3.0, 4.0, 5.0, 8.0, 10.0)}
_PAUSES_REQUEST_MIN = (30.0, 60.0, 120.0)

REPAGES_PER_MINUTE = 8
"""Repeated pages of all cases together; what is left of Telegram's 20 belongs to first pages and conversations."""

MERGE_PAGE_AFTER = timedelta(seconds=60)
"""A person in danger writes many utterances in a row: they are passed on, but only one a minute calls again."""

_TELL_PAUSES = (timedelta(minutes=15), timedelta(minutes=60), timedelta(hours=3))
MOST_TELLS = 5

REMIND_AFTER = timedelta(minutes=5)
MOST_REMINDERS = 3
"""A counselor who took a case and stays silent is reminded after 5, 10 and 15 minutes; then, from level 2 up, the case
goes back into the queue."""

CHECK_IN_AFTER = timedelta(hours=24)
_CHECK_IN_FROM, _CHECK_IN_UNTIL = time(8), time(21)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How soon somebody must have taken a case, by level."""

    urgent: timedelta = timedelta(minutes=15)
    emergency: timedelta = timedelta(minutes=5)
    request: timedelta = field(default=timedelta(minutes=60))

    def respond_within(self, level: int) -> timedelta:
        """Return the time for a level; levels 0 and 1 are requests for a human."""
        if level >= EMERGENCY:
            return self.emergency
        return self.urgent if level >= URGENT else self.request


class Circle(StrEnum):
    """Who is called."""

    ON_CALL = "on_call"
    EVERYBODY = "everybody"
    SUPERVISOR = "supervisor"


def circle_at(level: int, opened_at: datetime, due_at: datetime | None, now: datetime, deadlines: Deadlines) -> Circle:
    """Return who is called now: who is on call, everybody after the deadline, the supervisor after twice that time.

    A request for a human (below level 2) never goes beyond those on call before its deadline, nor to the supervisor.
    """
    due = due_at or opened_at + deadlines.respond_within(level)
    if now < due:
        return Circle.ON_CALL
    if level < URGENT or now < due + deadlines.respond_within(level):
        return Circle.EVERYBODY
    return Circle.SUPERVISOR


def pause_after(level: int, count: int) -> timedelta:
    """Return the pause after page number `count` (from 1). Never shrinks; the last one repeats."""
    pauses = _PAUSES_MIN[min(level, EMERGENCY)] if level >= URGENT else _PAUSES_REQUEST_MIN
    return pauses[min(max(count, 1), len(pauses)) - 1] * _MINUTE


def next_page_at(
    level: int, opened_at: datetime, due_at: datetime | None, count: int, now: datetime, deadlines: Deadlines
) -> datetime:
    """Return when to page again after page `count` at `now`: after the pause, or when the circle widens if sooner."""
    due = due_at or opened_at + deadlines.respond_within(level)
    moments = [now + pause_after(level, count), due]
    if level >= URGENT:
        moments.append(due + deadlines.respond_within(level))
    return min(moment for moment in moments if moment > now)


def may_page_again(paged_at: datetime | None, now: datetime) -> bool:
    """Return whether a new risk of an open case at the same level is a reason to page at once."""
    return paged_at is None or now - paged_at >= MERGE_PAGE_AFTER


def next_tell_at(count: int, now: datetime) -> datetime | None:
    """Return when the person is told again that it takes longer, after `count` times; None: often enough."""
    if count >= MOST_TELLS:
        return None
    return now + _TELL_PAUSES[min(count, len(_TELL_PAUSES)) - 1]


def next_remind_at(awaiting_since: datetime, count: int) -> datetime:
    """Return when the counselor is reminded again, after `count` reminders, that the person waits."""
    return awaiting_since + REMIND_AFTER * (count + 1)


def must_release(level: int, remind_count: int) -> bool:
    """Return whether a silent counselor's case goes back into the queue instead of another reminder."""
    return level >= URGENT and remind_count >= MOST_REMINDERS


def check_in_at(closed_at: datetime, zone: tzinfo) -> datetime:
    """Return when to ask how the person is: a day later, moved out of the night to the next morning."""
    local = (closed_at + CHECK_IN_AFTER).astimezone(zone)
    if local.time() >= _CHECK_IN_UNTIL:
        local = (local + timedelta(days=1)).replace(hour=_CHECK_IN_FROM.hour, minute=0, second=0, microsecond=0)
    elif local.time() < _CHECK_IN_FROM:
        local = local.replace(hour=_CHECK_IN_FROM.hour, minute=0, second=0, microsecond=0)
    return local.astimezone(closed_at.tzinfo)
