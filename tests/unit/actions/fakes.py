"""A knowledge base that knows one topic, and trackers as Rasa sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher


@dataclass(frozen=True)
class FakeAnswer:
    answered: bool
    reason: str | None = None
    text: str = "Jawaban."
    passage_id: str | None = None
    topic_id: str | None = None
    related: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()


class FakeKnowledge:
    """Answers questions that name the cost; the rest gets a reason by its words."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def answer(self, turns: Sequence[str], **about: Any) -> FakeAnswer:
        self.asked.append((tuple(turns), about))
        last = turns[-1].lower()
        if "biaya" in last or "cost" in last:
            return self.open_topic("rehab.cost")
        if "rusak" in last:
            raise RuntimeError("the words of a person: " + last)
        if "racik" in last:
            return FakeAnswer(False, "harmful", "Tidak bisa.")
        if "bingung" in last:
            return FakeAnswer(False, "unclear", "Yang mana?", options=(("rehab.cost", "Biaya"),))
        return FakeAnswer(False, "small_talk", "Aku di sini.")

    def open_topic(self, topic_id: str, **about: Any) -> FakeAnswer:
        if topic_id != "rehab.cost":
            raise KeyError(topic_id)
        related = (("rehab.bpjs", "BPJS"),)
        return FakeAnswer(True, None, "Gratis di balai BNN.", "rehab.cost.free", "rehab.cost", related)


def tracker(
    text: str = "",
    intent: str = "ask_topic",
    confidence: float = 0.95,
    *,
    choice: str | None = None,
    guess: tuple[str, float] | None = None,
    slots: dict[str, Any] | None = None,
    events: Sequence[dict[str, Any]] = (),
    entities: Sequence[dict[str, Any]] = (),
) -> Tracker:
    ranking = [{"name": intent, "confidence": confidence}]
    if guess:
        ranking.append({"name": guess[0], "confidence": guess[1]})
    latest = {
        "text": text,
        "intent": ranking[0],
        "intent_ranking": ranking,
        "entities": list(entities),
        "metadata": {"choice": choice} if choice else {},
    }
    all_slots = {"language": "id", "role": None, "last_topic": None, "recent_utterances": [], **(slots or {})}
    return Tracker("s1", all_slots, latest, list(events), False, None, {}, "action_listen")


def run(action: Any, about: Tracker) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (messages, events) of an action."""
    dispatcher = CollectingDispatcher()
    events = action.run(dispatcher, about, {})
    return dispatcher.messages, events
