"""What every action shares: a name, and an end in words when something breaks."""

from __future__ import annotations

from typing import Any

import structlog
from rasa_sdk import Action
from rasa_sdk.executor import CollectingDispatcher

log = structlog.get_logger()

Events = list[dict[str, Any]]


class CareAction(Action):  # type: ignore[misc]  # rasa_sdk is untyped
    """An action that never leaves the person in silence: Rasa only logs an action that raises, and goes on."""

    action_name: str

    def name(self) -> str:
        return self.action_name

    def run(self, dispatcher: CollectingDispatcher, tracker: Any, domain: dict[str, Any]) -> Events:
        """Do the action's work; when it fails, say so kindly. The log names the error's class, never its text."""
        try:
            return self.act(dispatcher, tracker)
        except Exception as exc:  # entry point: one failing action must not end in silence
            log.error("action.failed", action=self.action_name, error=type(exc).__name__)
            dispatcher.messages.clear()
            dispatcher.utter_message(response="utter_trouble")
            return []

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        """Utter through the dispatcher; return Rasa events."""
        raise NotImplementedError
