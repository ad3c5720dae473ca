"""Telegram's sending limits, kept ahead of time. Pure: `now` is a monotonic time in seconds.

Source: core.telegram.org/bots/faq "My bot is hitting limits": 30 messages a second overall, one a second in a private
chat (short bursts pass), 20 a minute in a group.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

PRIORITY_RESERVE = 5.0
"""Sends a second that only crisis replies and pages may use."""

PRIVATE_BURST = 4.0
GROUP_PER_MINUTE = 20
GROUP_PRIORITY_RESERVE = 5
MINUTE_S = 60.5
"""A little more than a minute: our clock sees a send later than Telegram does, or earlier."""

OVERALL_SIGN = 3
"""So many chats paused by Telegram within five seconds mean that the overall limit was hit, not theirs."""


@dataclass(slots=True)
class Bucket:
    """A token bucket."""

    rate: float
    capacity: float
    tokens: float
    at: float

    def level(self, now: float) -> float:
        """Return how many tokens are there now."""
        self.tokens = min(self.capacity, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        return self.tokens


@dataclass(slots=True)
class Limits:
    """Decides whether a chat may be sent to now, and remembers that it was.

    Args:
        rate_per_s: Overall limit of this process.
    """

    rate_per_s: float = 28.0
    _overall: Bucket = field(init=False)
    _private: dict[str, Bucket] = field(default_factory=dict)
    _groups: dict[str, deque[float]] = field(default_factory=dict)
    _ordinary_paused_until: float = 0.0
    _paused_chats: deque[tuple[float, str]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        # A bucket as large as the rate would let twice the rate through within one second.
        capacity = max(PRIORITY_RESERVE + 1, self.rate_per_s / 4)
        self._overall = Bucket(self.rate_per_s - capacity / 2, capacity, capacity, 0.0)

    def wait_s(self, chat: str, *, is_group: bool, priority: bool, now: float) -> float:
        """Return 0 when this chat may be sent to now, else seconds to wait."""
        if not priority and now < self._ordinary_paused_until:
            return self._ordinary_paused_until - now
        needed = 1.0 if priority else 1.0 + PRIORITY_RESERVE
        overall = (needed - self._overall.level(now)) / self._overall.rate
        return max(0.0, overall, self._group_wait(chat, priority, now) if is_group else self._private_wait(chat, now))

    def take(self, chat: str, *, is_group: bool, now: float) -> None:
        """Count a send."""
        self._overall.level(now)
        self._overall.tokens -= 1
        if is_group:
            self._groups.setdefault(chat, deque()).append(now)
        else:
            bucket = self._private.setdefault(chat, Bucket(1.0, PRIVATE_BURST, PRIVATE_BURST, now))
            bucket.level(now)
            bucket.tokens -= 1
        if len(self._private) > 5000:
            self._private = {key: b for key, b in self._private.items() if b.level(now) < b.capacity}

    def note_pause(self, chat: str, retry_after_s: float, now: float) -> None:
        """Take in that Telegram paused a chat; several at once pause the ordinary lane as a whole."""
        self._paused_chats.append((now, chat))
        while self._paused_chats and now - self._paused_chats[0][0] > 5:
            self._paused_chats.popleft()
        if len({name for _, name in self._paused_chats}) >= OVERALL_SIGN:
            self._ordinary_paused_until = max(self._ordinary_paused_until, now + retry_after_s)

    def _private_wait(self, chat: str, now: float) -> float:
        bucket = self._private.get(chat)
        return 0.0 if bucket is None else (1.0 - bucket.level(now)) / bucket.rate

    def _group_wait(self, chat: str, priority: bool, now: float) -> float:
        sends = self._groups.get(chat)
        if sends is None:
            return 0.0
        while sends and now - sends[0] > MINUTE_S:
            sends.popleft()
        allowed = GROUP_PER_MINUTE if priority else GROUP_PER_MINUTE - GROUP_PRIORITY_RESERVE
        return 0.0 if len(sends) < allowed else sends[len(sends) - allowed] + MINUTE_S - now
