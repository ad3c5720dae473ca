"""One tree of errors for the gateway, split by who can act. Edges translate library errors into it.

BotError
├── ConfigError            the operator must change a setting, a key or a file
├── StoreError             the database refused or is gone
└── TransportError         another service did not do what was asked
    ├── UnreachableError        nothing was delivered; trying again later is safe
    ├── DeliveryUnsureError     it may or may not have been delivered (timeout, dropped connection, 5xx)
    ├── RateLimitedError        too fast; try again after `retry_after_s`
    ├── RefusedError            the request itself is wrong; trying again gives the same answer
    ├── BlockedError            the person blocked the bot, or the bot left the chat
    ├── ChatMovedError          the group has a new id
    └── PollConflictError       another process takes in the same bot's updates
"""

from __future__ import annotations


class BotError(Exception):
    """Root of every error the gateway raises on purpose. Its text never holds an utterance or a name."""


class ConfigError(BotError):
    """Something the operator must change; the text says what and how."""


class StoreError(BotError):
    """The database refused a change or can't be reached."""


class TransportError(BotError):
    """Another service did not do what was asked. `code` is short, fixed and safe to log."""

    code = "transport"


class UnreachableError(TransportError):
    """Nothing was delivered."""

    code = "unreachable"


class DeliveryUnsureError(TransportError):
    """The request left this machine and no usable answer came back."""

    code = "unsure"


class RateLimitedError(TransportError):
    """The other side asks for a pause.

    Args:
        retry_after_s: Seconds to wait before the same request may be repeated.
    """

    code = "rate_limited"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"rate limited for {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class RefusedError(TransportError):
    """The request is wrong.

    Args:
        reason: The other side's description (Bot API descriptions hold no personal data).
    """

    code = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BlockedError(TransportError):
    """The chat does not accept anything from this bot."""

    code = "blocked"


class ChatMovedError(TransportError):
    """The group became a supergroup.

    Args:
        new_chat_id: Its id from now on.
    """

    code = "chat_moved"

    def __init__(self, new_chat_id: int) -> None:
        super().__init__("the group has a new id")
        self.new_chat_id = new_chat_id


class PollConflictError(TransportError):
    """Another process polls, or a webhook is set."""

    code = "poll_conflict"
