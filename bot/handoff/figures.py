"""Figures about how soon people were answered: median, p95, share within the target, by level and hour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from bot.handoff.paging import URGENT, Deadlines


@dataclass(frozen=True, slots=True)
class Record:
    """What a case contributes.

    Attributes:
        first_word_at: When a human first wrote to the person; None: nobody yet.
    """

    level: int
    asked_at: datetime
    acknowledged_at: datetime | None = None
    first_word_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Times of one group of cases. All None where there is nothing to measure."""

    count: int
    median: timedelta | None = None
    p95: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one group of cases.

    Attributes:
        total: Cases opened.
        untaken: Cases nobody took.
        within_target: Share of cases taken in time, 0 to 1, of those taken or past their deadline; None without any.
    """

    total: int
    untaken: int
    false_alarms: int
    acknowledge: Spread
    first_word: Spread
    within_target: float | None


def percentile(values: Sequence[timedelta], share: float) -> timedelta | None:
    """Return the nearest-rank percentile; None of nothing. `share` lies in (0, 1]."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)]


def spread(values: Iterable[timedelta]) -> Spread:
    """Return count, median and p95."""
    listed = [max(value, timedelta()) for value in values]
    return Spread(len(listed), percentile(listed, 0.5), percentile(listed, 0.95))


def figures(records: Iterable[Record], now: datetime, deadlines: Deadlines) -> Figures:
    """Return the figures of some cases."""
    listed = list(records)
    judged = [verdict for record in listed if (verdict := _in_time(record, now, deadlines)) is not None]
    return Figures(
        total=len(listed),
        untaken=sum(record.acknowledged_at is None for record in listed),
        false_alarms=sum(record.outcome == "false_alarm" for record in listed),
        acknowledge=spread(r.acknowledged_at - r.asked_at for r in listed if r.acknowledged_at is not None),
        first_word=spread(r.first_word_at - r.asked_at for r in listed if r.first_word_at is not None),
        within_target=sum(judged) / len(judged) if judged else None,
    )


def by_level(records: Iterable[Record], now: datetime, deadlines: Deadlines) -> dict[int, Figures]:
    """Return figures for levels 3, 2 and 1 (requests, with 0 in it); levels without a case are left out."""
    listed = list(records)
    groups = {3: [r for r in listed if r.level >= 3], 2: [r for r in listed if r.level == URGENT]}
    groups[1] = [r for r in listed if r.level < URGENT]
    return {level: figures(group, now, deadlines) for level, group in groups.items() if group}


def by_hour(records: Iterable[Record], zone: tzinfo) -> list[int]:
    """Return how many cases were opened in each local hour, 24 numbers."""
    hours = [0] * 24
    for record in records:
        hours[record.asked_at.astimezone(zone).hour] += 1
    return hours


def _in_time(record: Record, now: datetime, deadlines: Deadlines) -> bool | None:
    due = record.asked_at + deadlines.respond_within(record.level)
    if record.acknowledged_at is not None:
        return record.acknowledged_at <= due
    # Still within its time: neither kept nor missed.
    return False if now > due else None
