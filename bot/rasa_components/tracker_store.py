"""Keeps conversations in memory, bounded: at most so many people, at most so many events each, deleted on request."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker


class RecentTrackerStore(InMemoryTrackerStore):
    """Rasa's in-memory store never forgets anybody; a server that runs for months needs one that does.

    Args:
        max_conversations: People remembered; the one silent for longest goes first. What matters of a person (role,
            language, last topic, recent utterances) comes with every utterance, so only an unfinished exercise is lost.
        max_events: Events kept of one conversation. Cut only between exercises, at the beginning of a turn; a
            conversation that reaches four times as many is cut in any case.
    """

    def __init__(
        self,
        domain: Domain,
        event_broker: EventBroker | None = None,
        max_conversations: int = 2000,
        max_events: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker, **kwargs)
        self.store: OrderedDict[str, str] = OrderedDict()
        self._max_conversations = max_conversations
        self._max_events = max_events

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the conversation; one without events is removed."""
        if not tracker.events:
            self.store.pop(tracker.sender_id, None)
            return
        await super().save(self._shortened(tracker))
        self.store.move_to_end(tracker.sender_id)
        while len(self.store) > self._max_conversations:
            self.store.popitem(last=False)

    def _shortened(self, tracker: DialogueStateTracker) -> DialogueStateTracker:
        events = list(tracker.events)
        limit = self._max_events if tracker.active_loop_name is None else self._max_events * 4
        if len(events) <= limit:
            return tracker
        kept = events[-limit // 2 :]
        turns = [position for position, event in enumerate(kept) if isinstance(event, UserUttered)]
        # One event earlier stands the action_listen that the policies expect before an utterance.
        first = max(0, turns[0] - 1) if turns else 0
        return DialogueStateTracker.from_events(
            tracker.sender_id, kept[first:], self.domain.slots, sender_source=tracker.sender_source
        )
