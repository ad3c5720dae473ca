"""Who is on call: weekly shifts in local time, across midnight, in any of Indonesia's three zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.handoff.errors import ShiftSyntaxError

ZONES: Mapping[str, str] = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}
WEEKDAYS: tuple[str, ...] = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
_SHORT = {"sen": 0, "sel": 1, "rab": 2, "kam": 3, "jum": 4, "jum'at": 4, "sab": 5, "min": 6, "ahad": 6}
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Shift:
    """A weekly shift.

    Attributes:
        weekday: Day it begins on, 0 is Monday.
        start_minute: Minutes after local midnight, 0 to 1439.
        end_minute: 0 to 1439; not after `start_minute` means the next day, equal means 24 hours.
        zone: IANA name.
    """

    counselor_id: int
    weekday: int
    start_minute: int
    end_minute: int
    zone: str = "Asia/Jakarta"

    @property
    def length_minutes(self) -> int:
        """Return the length, 1 to 1440."""
        return (self.end_minute - self.start_minute) % _DAY_MINUTES or _DAY_MINUTES

    def covers(self, now: datetime) -> bool:
        """Return whether `now` (aware) lies in the shift. The end belongs to the next one."""
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        since_start = ((local.weekday() - self.weekday) % 7) * _DAY_MINUTES + minute - self.start_minute
        return since_start % (7 * _DAY_MINUTES) < self.length_minutes

    def next_start(self, now: datetime) -> datetime:
        """Return when it begins next, later than `now`, in UTC as `now`'s own zone."""
        zone = ZoneInfo(self.zone)
        local = now.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        days = (self.weekday - local.weekday()) % 7
        start = midnight + timedelta(days=days, minutes=self.start_minute)
        if start <= local:
            start += timedelta(days=7)
        return start.astimezone(now.tzinfo)


def on_call(shifts: Iterable[Shift], now: datetime) -> list[int]:
    """Return the ids of those on call, each once, in the order of the shifts."""
    return list(dict.fromkeys(shift.counselor_id for shift in shifts if shift.covers(now)))


def next_on_call_at(shifts: Iterable[Shift], now: datetime) -> datetime | None:
    """Return when somebody is on call next (now, if somebody is); None without any shift."""
    listed = list(shifts)
    if any(shift.covers(now) for shift in listed):
        return now
    return min((shift.next_start(now) for shift in listed), default=None)


def parse_shifts(words: Sequence[str], *, counselor_id: int, default_zone: str) -> list[Shift]:
    """Read `senin-jumat 20:00-04:00 WITA` (days, hours, zone; zone may be left out).

    Raises:
        ShiftSyntaxError: With the word that was not understood.
    """
    if len(words) < 2:
        raise ShiftSyntaxError(" ".join(words))
    zone = default_zone
    rest = list(words)
    if rest[-1].upper() in ZONES:
        zone = ZONES[rest.pop().upper()]
    hours = rest.pop()
    start, end = _parse_hours(hours)
    days = _parse_days("".join(rest).lower())
    return [Shift(counselor_id, day, start, end, zone) for day in days]


def describe(shift: Shift) -> str:
    """Return the shift as people write it: `senin 20:00-04:00 WITA`."""
    label = next((name for name, zone in ZONES.items() if zone == shift.zone), shift.zone)
    return f"{WEEKDAYS[shift.weekday]} {_clock(shift.start_minute)}-{_clock(shift.end_minute)} {label}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _parse_hours(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2})(?:[:.](\d{2}))?[-–](\d{1,2})(?:[:.](\d{2}))?", text)
    if match is None:
        raise ShiftSyntaxError(text)
    start_hour, start_minute, end_hour, end_minute = (int(part or 0) for part in match.groups())
    if start_hour > 23 or end_hour > 24 or max(start_minute, end_minute) > 59 or (end_hour == 24 and end_minute):
        raise ShiftSyntaxError(text)
    return start_hour * 60 + start_minute, (end_hour * 60 + end_minute) % _DAY_MINUTES


def _parse_days(text: str) -> list[int]:
    if text in {"setiaphari", "tiaphari"}:
        return list(range(7))
    days: list[int] = []
    for part in text.split(","):
        first, dash, last = part.replace("–", "-").partition("-")
        begin = _parse_day(first)
        end = _parse_day(last) if dash else begin
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return list(dict.fromkeys(days))


def _parse_day(text: str) -> int:
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text in _SHORT:
        return _SHORT[text]
    raise ShiftSyntaxError(text)
