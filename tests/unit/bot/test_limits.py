"""Telegram's limits hold over any second and minute, and the priority lane keeps its share."""

from __future__ import annotations

from bot.services.limits import GROUP_PER_MINUTE, Limits


def _sends(
    limits: Limits, chats: list[str], *, seconds: float, group: bool = False, priority: bool = False
) -> list[float]:
    """Send whatever may be sent, looking every 10 ms. Returns the times."""
    times, now = [], 100.0
    while now < 100.0 + seconds:
        for chat in chats:
            if limits.wait_s(chat, is_group=group, priority=priority, now=now) == 0:
                limits.take(chat, is_group=group, now=now)
                times.append(now)
        now += 0.01
    return times


def _most_within(times: list[float], span: float) -> int:
    return max(sum(start <= at < start + span for at in times) for start in times)


def test_overall_rate_holds_in_every_second() -> None:
    times = _sends(Limits(30.0), [f"c{n}" for n in range(300)], seconds=5)
    assert 20 <= _most_within(times, 1.0) <= 30


def test_private_chat_gets_a_burst_then_one_a_second() -> None:
    times = _sends(Limits(), ["a"], seconds=10)
    assert _most_within(times, 1.0) <= 5
    assert 12 <= len(times) <= 15


def test_group_never_passes_twenty_a_minute() -> None:
    times = _sends(Limits(), ["g"], seconds=200, group=True, priority=True)
    assert _most_within(times, 60.0) == GROUP_PER_MINUTE


def test_ordinary_group_messages_leave_room_for_pages() -> None:
    limits = Limits()
    assert len(_sends(limits, ["g"], seconds=10, group=True)) == 15
    assert limits.wait_s("g", is_group=True, priority=False, now=111) > 0
    assert limits.wait_s("g", is_group=True, priority=True, now=111) == 0


def test_priority_may_use_what_ordinary_may_not() -> None:
    limits = Limits(30.0)
    while limits.wait_s(f"c{len(limits._private)}", is_group=False, priority=False, now=1.0) == 0:
        limits.take(f"c{len(limits._private)}", is_group=False, now=1.0)
    assert limits.wait_s("new", is_group=False, priority=True, now=1.0) == 0


def test_one_paused_chat_pauses_nobody_else() -> None:
    limits = Limits()
    limits.note_pause("a", 30, now=1.0)
    assert limits.wait_s("b", is_group=False, priority=False, now=1.0) == 0


def test_many_paused_chats_pause_the_ordinary_lane_only() -> None:
    limits = Limits()
    for chat in "abc":
        limits.note_pause(chat, 30, now=1.0)
    assert limits.wait_s("d", is_group=False, priority=False, now=2.0) > 25
    assert limits.wait_s("d", is_group=False, priority=True, now=2.0) == 0
