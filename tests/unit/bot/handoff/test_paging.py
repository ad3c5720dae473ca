"""When counselors are paged and people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handoff import paging
from bot.handoff.paging import Circle, Deadlines

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
DEADLINES = Deadlines()
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("level", "minutes", "circle"),
    [
        (3, 0, Circle.ON_CALL),
        (3, 4.9, Circle.ON_CALL),
        (3, 5, Circle.EVERYBODY),
        (3, 10, Circle.SUPERVISOR),
        (2, 14.9, Circle.ON_CALL),
        (2, 15, Circle.EVERYBODY),
        (2, 29.9, Circle.EVERYBODY),
        (2, 30, Circle.SUPERVISOR),
        (1, 59, Circle.ON_CALL),
        (1, 60, Circle.EVERYBODY),
        (1, 600, Circle.EVERYBODY),
    ],
)
def test_circle_widens_with_the_deadline(level: int, minutes: float, circle: Circle) -> None:
    due = NOW + DEADLINES.respond_within(level)
    assert paging.circle_at(level, NOW, due, NOW + minutes * MINUTE, DEADLINES) is circle


def test_circle_of_a_case_without_deadline_counts_from_its_opening() -> None:
    assert paging.circle_at(3, NOW, None, NOW + 5 * MINUTE, DEADLINES) is Circle.EVERYBODY


def _pages(level: int, until: timedelta) -> list[float]:
    due = NOW + DEADLINES.respond_within(level)
    moment, count, found = NOW, 1, [0.0]
    while True:
        moment = paging.next_page_at(level, NOW, due, count, moment, DEADLINES)
        if moment - NOW > until:
            return found
        count += 1
        found.append((moment - NOW) / MINUTE)


def test_emergency_is_paged_at_growing_capped_intervals_and_when_the_circle_widens() -> None:
    assert _pages(3, 30 * MINUTE) == [0, 1, 2, 4, 5, 10, 15, 20, 25, 30]


def test_urgent_is_paged_less_often() -> None:
    assert _pages(2, 45 * MINUTE) == [0, 3, 7, 12, 15, 25, 30, 40]


@given(st.integers(0, 3), st.integers(1, 100))
def test_pauses_never_shrink(level: int, count: int) -> None:
    assert paging.pause_after(level, count + 1) >= paging.pause_after(level, count) >= MINUTE


@given(st.integers(0, 3), st.integers(1, 30), st.integers(0, 100_000))
def test_next_page_is_later_and_never_later_than_the_pause(level: int, count: int, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    planned = paging.next_page_at(level, NOW, None, count, now, DEADLINES)
    assert now < planned <= now + paging.pause_after(level, count)


def test_bursts_page_once_a_minute() -> None:
    assert paging.may_page_again(None, NOW)
    assert not paging.may_page_again(NOW, NOW + MINUTE - timedelta(seconds=1))
    assert paging.may_page_again(NOW, NOW + MINUTE)


def test_person_is_told_less_and_less_often_and_at_last_no_more() -> None:
    pauses = [paging.next_tell_at(count, NOW) for count in range(1, 6)]
    assert [p and (p - NOW) / MINUTE for p in pauses] == [15, 60, 180, 180, None]


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        (datetime(2026, 3, 2, 6, 0, tzinfo=UTC), datetime(2026, 3, 3, 6, 0, tzinfo=UTC)),  # 13.00 WIB stays
        (datetime(2026, 3, 2, 19, 30, tzinfo=UTC), datetime(2026, 3, 4, 1, 0, tzinfo=UTC)),  # 02.30 WIB → 08.00
        (datetime(2026, 3, 2, 15, 0, tzinfo=UTC), datetime(2026, 3, 4, 1, 0, tzinfo=UTC)),  # 22.00 WIB → next 08.00
    ],
)
def test_check_in_comes_a_day_later_but_not_at_night(closed: datetime, expected: datetime) -> None:
    assert paging.check_in_at(closed, ZoneInfo("Asia/Jakarta")) == expected


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_check_in_is_in_daytime_within_36_hours(closed: datetime) -> None:
    zone = ZoneInfo("Asia/Jayapura")
    moment = paging.check_in_at(closed, zone)
    assert timedelta(hours=24) <= moment - closed <= timedelta(hours=36)
    assert 8 <= moment.astimezone(zone).hour < 21
