"""Reads Rasa's tracker into one value, so that actions don't deal with its dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FALLBACK_INTENT = "nlu_fallback"


@dataclass(frozen=True, slots=True)
class Said:
    """What the person just did, and what is known about them.

    Attributes:
        text: The utterance; "" for a tapped button.
        choice: The tapped button's choice, such as `topic:rehab.cost`; None for an utterance.
        intent: What Rasa takes it for; `nlu_fallback` when unsure.
        guess: The likeliest intent all the same, and how likely.
        speaker: "resident", "family", or None while unknown.
        turns: The last utterances, oldest first, this one at the end.
    """

    text: str
    choice: str | None
    intent: str
    confidence: float
    guess: tuple[str, float]
    language: str
    speaker: str | None
    last_topic: str | None
    turns: tuple[str, ...]

    @property
    def topic_choice(self) -> str | None:
        """The topic of a tapped topic button."""
        return self.choice.removeprefix("topic:") if self.choice and self.choice.startswith("topic:") else None

    @property
    def number_choice(self) -> float | None:
        """The number of a tapped number button."""
        return float(self.choice.removeprefix("n:")) if self.choice and self.choice.startswith("n:") else None


def listen(tracker: Any) -> Said:
    """Return what the tracker says about the latest utterance. Missing pieces become neutral values."""
    latest: Mapping[str, Any] = tracker.latest_message or {}
    intent: Mapping[str, Any] = latest.get("intent") or {}
    ranking = [item for item in latest.get("intent_ranking") or [] if item.get("name") != FALLBACK_INTENT]
    best: Mapping[str, Any] = ranking[0] if ranking else intent
    choice = (latest.get("metadata") or {}).get("choice")
    text = "" if choice else str(latest.get("text") or "")
    recent = [str(turn) for turn in tracker.get_slot("recent_utterances") or []]
    return Said(
        text=text,
        choice=choice,
        intent=str(intent.get("name") or FALLBACK_INTENT),
        confidence=float(intent.get("confidence") or 0.0),
        guess=(str(best.get("name") or FALLBACK_INTENT), float(best.get("confidence") or 0.0)),
        language="en" if tracker.get_slot("language") == "en" else "id",
        speaker=tracker.get_slot("role"),
        last_topic=tracker.get_slot("last_topic"),
        turns=(*recent, text),
    )


def last_form(tracker: Any) -> str | None:
    """Return the form that was active last, also when it just ended."""
    names = (event.get("name") for event in reversed(tracker.events) if event.get("event") == "active_loop")
    return next((str(name) for name in names if name), None)
