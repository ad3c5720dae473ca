"""What can be wrong with a step or a shift. Texts hold no personal data."""

from __future__ import annotations


class HandoffError(Exception):
    """Root of this room's errors."""


class IllegalStepError(HandoffError):
    """A step that the case's state does not allow (somebody else was faster, or the case is closed)."""


class ShiftSyntaxError(HandoffError):
    """A shift was typed in a way that can't be read. `part` is the word that was not understood."""

    def __init__(self, part: str) -> None:
        super().__init__("a shift could not be read")
        self.part = part
