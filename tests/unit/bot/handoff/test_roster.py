"""Shifts in three time zones and over midnight; the queue."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handoff.errors import ShiftSyntaxError
from bot.handoff.queue import Waiting, in_order, position
from bot.handoff.roster import Shift, describe, next_on_call_at, on_call, parse_shifts

JAKARTA, MAKASSAR, JAYAPURA = "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"


def local(text: str, zone: str = JAKARTA) -> datetime:
    """`text` is `2026-03-02 20:00` (a Monday) in that zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


NIGHT = Shift(1, 0, 20 * 60, 4 * 60)
"""Monday 20.00 to Tuesday 04.00 WIB."""


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-02 19:59", False),
        ("2026-03-02 20:00", True),
        ("2026-03-02 23:59", True),
        ("2026-03-03 00:00", True),
        ("2026-03-03 03:59", True),
        ("2026-03-03 04:00", False),
        ("2026-03-02 03:00", False),
        ("2026-03-03 21:00", False),
    ],
)
def test_midnight_shift(moment: str, expected: bool) -> None:
    assert NIGHT.covers(local(moment)) is expected


def test_sunday_night_reaches_into_monday() -> None:
    sunday = Shift(1, 6, 22 * 60, 6 * 60)
    assert sunday.covers(local("2026-03-02 05:00"))
    assert not sunday.covers(local("2026-03-03 05:00"))


def test_equal_hours_are_a_whole_day() -> None:
    whole = Shift(1, 0, 8 * 60, 8 * 60)
    assert whole.covers(local("2026-03-03 07:59"))
    assert not whole.covers(local("2026-03-03 08:00"))


def test_the_same_hours_are_other_moments_in_other_zones() -> None:
    moment = local("2026-03-02 18:30", JAKARTA)  # 19.30 WITA, 20.30 WIT
    shifts = [Shift(n, 0, 20 * 60, 22 * 60, zone) for n, zone in enumerate((JAKARTA, MAKASSAR, JAYAPURA))]
    assert on_call(shifts, moment) == [2]


def test_on_call_names_everybody_once() -> None:
    shifts = [NIGHT, Shift(2, 0, 0, 0), Shift(1, 0, 19 * 60, 23 * 60)]
    assert on_call(shifts, local("2026-03-02 21:00")) == [1, 2]


def test_next_shift_is_now_later_or_never() -> None:
    inside, before = local("2026-03-02 21:00"), local("2026-03-02 10:00")
    assert next_on_call_at([NIGHT], inside) == inside
    assert next_on_call_at([NIGHT], before) == local("2026-03-02 20:00")
    assert next_on_call_at([NIGHT], local("2026-03-03 10:00")) == local("2026-03-09 20:00")
    assert next_on_call_at([], before) is None


def test_a_shift_that_begins_right_now_begins_next_in_a_week() -> None:
    assert NIGHT.next_start(local("2026-03-02 20:00")) == local("2026-03-09 20:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("senin 20:00-04:00", [Shift(9, 0, 1200, 240, JAKARTA)]),
        ("Sen,Rab 8-16 WITA", [Shift(9, 0, 480, 960, MAKASSAR), Shift(9, 2, 480, 960, MAKASSAR)]),
        ("jumat - minggu 22.30-24 wit", [Shift(9, day, 1350, 0, JAYAPURA) for day in (4, 5, 6)]),
        ("sab-sen 00:00-24:00", [Shift(9, day, 0, 0, JAKARTA) for day in (5, 6, 0)]),
        ("setiap hari 7-8", [Shift(9, day, 420, 480, JAKARTA) for day in range(7)]),
    ],
)
def test_shifts_are_read_as_people_write_them(text: str, expected: list[Shift]) -> None:
    assert parse_shifts(text.split(), counselor_id=9, default_zone=JAKARTA) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", ""),
        ("senin", "senin"),
        ("senin 25-26", "25-26"),
        ("senin 8:75-9", "8:75-9"),
        ("senin 8-24:30", "8-24:30"),
        ("senin malam", "malam"),
        ("besok 8-9", "besok"),
        ("8-9 WIB", ""),
    ],
)
def test_unreadable_shift_names_the_word(text: str, part: str) -> None:
    with pytest.raises(ShiftSyntaxError) as caught:
        parse_shifts(text.split(), counselor_id=9, default_zone=JAKARTA)
    assert caught.value.part == part


@pytest.mark.parametrize("text", ["senin 20:00-04:00 WITA", "minggu 08:30-08:30 WIB"])
def test_description_can_be_read_again(text: str) -> None:
    (shift,) = parse_shifts(text.split(), counselor_id=1, default_zone=JAKARTA)
    assert describe(shift) == text


def test_description_of_a_foreign_zone_names_it() -> None:
    assert describe(Shift(1, 0, 0, 60, "UTC")) == "senin 00:00-01:00 UTC"


shifts = st.builds(
    Shift,
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from([JAKARTA, MAKASSAR, JAYAPURA]),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@given(shifts, moments)
def test_a_shift_covers_its_start_and_lasts_its_length(shift: Shift, now: datetime) -> None:
    start = shift.next_start(now)
    assert timedelta() < start - now <= timedelta(days=7)
    assert shift.covers(start)
    assert shift.covers(start + timedelta(minutes=shift.length_minutes - 1))
    assert not shift.covers(start + timedelta(minutes=shift.length_minutes))


@given(st.lists(shifts, max_size=6), moments)
def test_next_on_call_is_a_moment_with_somebody_on_call(listed: list[Shift], now: datetime) -> None:
    moment = next_on_call_at(listed, now)
    assert (moment is None) == (not listed)
    if moment is not None:
        assert on_call(listed, moment)


NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
cases = st.builds(
    Waiting, st.integers(1, 10_000), st.integers(0, 3), st.integers(0, 5000).map(lambda s: NOW - timedelta(seconds=s))
)


def test_queue_goes_by_level_then_by_waiting_time() -> None:
    early, late = NOW - timedelta(minutes=9), NOW
    listed = [
        Waiting(1, 1, early),
        Waiting(2, 3, late),
        Waiting(3, 0, early - timedelta(minutes=1)),
        Waiting(4, 3, early),
    ]
    assert [case.case_id for case in in_order(listed)] == [4, 2, 3, 1]
    assert (position(listed, 1), position(listed, 99)) == (4, None)


def test_waiting_time_is_never_negative() -> None:
    assert Waiting(1, 1, NOW).waited(NOW - timedelta(seconds=5)) == timedelta()
    assert Waiting(1, 1, NOW).waited(NOW + timedelta(seconds=5)) == timedelta(seconds=5)


@given(st.lists(cases, max_size=12, unique_by=lambda case: case.case_id))
def test_everybody_has_one_place_and_nobody_overtakes(listed: list[Waiting]) -> None:
    ordered = in_order(listed)
    assert [position(listed, case.case_id) for case in ordered] == list(range(1, len(listed) + 1))
    for one, two in itertools.pairwise(ordered):
        assert max(one.level, 1) >= max(two.level, 1)
        assert max(one.level, 1) > max(two.level, 1) or one.asked_at <= two.asked_at
