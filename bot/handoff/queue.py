"""The order in which waiting people are seen: by level, then by who has waited longest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case nobody has taken."""

    case_id: int
    level: int
    asked_at: datetime

    def waited(self, now: datetime) -> timedelta:
        """Return for how long; never negative, whatever two machines' clocks say."""
        return max(now - self.asked_at, timedelta())


def in_order(cases: Iterable[Waiting]) -> list[Waiting]:
    """Return the cases, next to be seen first. Requests of level 0 and 1 wait in one line."""
    return sorted(cases, key=lambda case: (-max(case.level, 1), case.asked_at, case.case_id))


def position(cases: Iterable[Waiting], case_id: int) -> int | None:
    """Return a case's place, 1 is next; None where it does not wait."""
    return next((n for n, case in enumerate(in_order(cases), start=1) if case.case_id == case_id), None)
