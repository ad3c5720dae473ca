"""Telegram's sending limits, kept ahead of time. Pure: `now` is a monotonic time in seconds.

Source: core.telegram.org/bots/faq "My bot is hitting limits": 30 messages a second overall, one a second in a private
chat (short bursts pass), 20 a minute in a group.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

ORDINARY_BURST = 6.0
"""Ordinary sends at once; after that they are spread evenly, so that a crisis reply finds a gap within a moment."""

SECOND_S = 1.0

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

    rate_per_s: float = 30.0
    _ordinary: Bucket = field(init=False)
    _last_second: deque[float] = field(default_factory=deque)
    _private: dict[str, Bucket] = field(default_factory=dict)
    _groups: dict[str, deque[float]] = field(default_factory=dict)
    _ordinary_paused_until: float = 0.0
    _paused_chats: deque[tuple[float, str]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._ordinary = Bucket(self.rate_per_s, ORDINARY_BURST, ORDINARY_BURST, 0.0)

    def wait_s(self, chat: str, *, is_group: bool, priority: bool, now: float) -> float:
        """Return 0 when this chat may be sent to now, else seconds to wait."""
        if not priority and now < self._ordinary_paused_until:
            return self._ordinary_paused_until - now
        spread = 0.0 if priority else (1.0 - self._ordinary.level(now)) / self._ordinary.rate
        own = self._group_wait(chat, priority, now) if is_group else self._private_wait(chat, now)
        return max(0.0, spread, self._overall_wait(now), own)

    def take(self, chat: str, *, is_group: bool, now: float) -> None:
        """Count a send."""
        self._last_second.append(now)
        self._ordinary.level(now)
        self._ordinary.tokens -= 1
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

    def _overall_wait(self, now: float) -> float:
        while self._last_second and now - self._last_second[0] >= SECOND_S:
            self._last_second.popleft()
        allowed = max(1, int(self.rate_per_s))
        sends = self._last_second
        return 0.0 if len(sends) < allowed else sends[len(sends) - allowed] + SECOND_S - now

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
