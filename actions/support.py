"""Feelings, good news and numbers to call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from actions.answering import Answerer, ask, show_passage
from actions.base import CareAction, Events
from actions.conversation import Said, listen
from actions.wording import Wording
from knowledge.contact import ContactBook

#: In the order of how often they are needed; the gateway's /darurat shows the same.
EMERGENCY_CONTACTS = ("emergency", "ambulance", "police", "healing119", "sapa", "bnn")


def answered_as_question(dispatcher: CollectingDispatcher, said: Said, answerer: Answerer, wording: Wording) -> bool:
    """Show a passage where the words are a question that has one; returns whether they were.

    "cukup nggak buat tiga bulan?" is no good news, though it names a duration.
    """
    if not said.text or not wording.is_question(said.text):
        return False
    answer = ask(answerer, said)
    if answer is None or not answer.answered:
        return False
    show_passage(dispatcher, answer)
    return True


class ActionSupport(CareAction):
    """Answers a feeling with warm words, or with a passage where the feeling came as a question that has one."""

    action_name = "action_support"

    def __init__(self, answerer: Answerer, wording: Wording) -> None:
        self._answerer = answerer
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        said = listen(tracker)
        if answered_as_question(dispatcher, said, self._answerer, self._wording):
            return []
        dispatcher.utter_message(response=f"utter_{said.intent}")
        return []


class ActionCelebrate(CareAction):
    """Answers good news, naming how long it took where the person did."""

    action_name = "action_celebrate"

    def __init__(self, answerer: Answerer, wording: Wording) -> None:
        self._answerer = answerer
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        if answered_as_question(dispatcher, listen(tracker), self._answerer, self._wording):
            return []
        duration = next(iter(tracker.get_latest_entity_values("duration")), None)
        if duration:
            dispatcher.utter_message(response="utter_report_progress_duration", duration=str(duration))
        else:
            dispatcher.utter_message(response="utter_report_progress")
        return []


class ActionEmergencyNumbers(CareAction):
    """Shows the numbers of the dated contacts file."""

    action_name = "action_emergency_numbers"

    def __init__(self, contacts: ContactBook) -> None:
        self._contacts = contacts

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        numbers = "\n".join(self._lines(listen(tracker).language))
        dispatcher.utter_message(response="utter_emergency_numbers", numbers=numbers)
        return []

    def _lines(self, language: str) -> Iterable[str]:
        for contact in (self._contacts.get(name) for name in EMERGENCY_CONTACTS if name in self._contacts):
            yield f"{contact.number} – {contact.name[language]}: {contact.purpose[language]}"
