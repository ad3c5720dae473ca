"""Figures about response times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handoff.figures import Record, by_hour, by_level, figures, percentile, spread
from bot.handoff.paging import Deadlines

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
DEADLINES = Deadlines()
MINUTE = timedelta(minutes=1)


def record(level: int, taken: float | None, word: float | None = None, *, age: float = 600, **more: str) -> Record:
    asked = NOW - age * MINUTE
    return Record(
        level,
        asked,
        None if taken is None else asked + taken * MINUTE,
        None if word is None else asked + word * MINUTE,
        **more,
    )


def test_share_within_target_counts_missed_ones_and_leaves_out_undecided_ones() -> None:
    records = [record(3, 4), record(3, 6), record(3, None), record(3, None, age=1)]
    found = figures(records, NOW, DEADLINES)
    assert (found.total, found.untaken, found.within_target) == (4, 2, pytest.approx(1 / 3))


def test_times_to_acknowledge_and_to_first_word() -> None:
    found = figures([record(2, 2, 3), record(2, 4, 5), record(2, 12)], NOW, DEADLINES)
    assert (found.acknowledge.median, found.acknowledge.p95) == (4 * MINUTE, 12 * MINUTE)
    assert (found.first_word.count, found.first_word.median) == (2, 3 * MINUTE)


def test_nothing_gives_nothing() -> None:
    found = figures([], NOW, DEADLINES)
    assert (found.total, found.within_target, found.acknowledge.median) == (0, None, None)
    assert by_level([], NOW, DEADLINES) == {}


def test_false_alarms_are_counted() -> None:
    assert (
        figures([record(2, 1, outcome="false_alarm"), record(2, 1, outcome="done")], NOW, DEADLINES).false_alarms == 1
    )


def test_levels_are_apart_and_requests_together() -> None:
    found = by_level([record(0, 1), record(1, 1), record(3, 1)], NOW, DEADLINES)
    assert {level: one.total for level, one in found.items()} == {3: 1, 1: 2}


def test_hours_are_local() -> None:
    hours = by_hour([Record(2, NOW), Record(2, NOW + 12 * 60 * MINUTE)], ZoneInfo("Asia/Jayapura"))
    assert (hours[22], hours[10], sum(hours)) == (1, 1, 2)


def test_clocks_that_disagree_give_zero_not_less() -> None:
    assert spread([-MINUTE]).median == timedelta()


@given(st.lists(st.integers(0, 10_000).map(lambda s: timedelta(seconds=s)), min_size=1), st.floats(0.01, 1))
def test_percentile_is_one_of_the_values_with_that_share_below(values: list[timedelta], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
