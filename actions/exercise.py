"""Guided exercises and forms, step by step. What fills a step: steps.yaml; what is said: exercises.yml.

Rasa asks the validating action about every utterance while a form is active:
- it returns the step's slot: the form goes on;
- it returns nothing: Rasa answers the utterance by the ordinary rules, then asks the step again;
- it ends the loop: the person wants to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import CareAction, Events
from actions.conversation import Said, last_form, listen
from actions.wording import Wording

REQUESTED_SLOT = "requested_slot"
#: What a step holds when the person only pressed "next".
PASSED = "–"
ANSWER_LENGTH = 300
STOP_CONFIDENCE = 0.8
STOP_WORDS = 5
WISH_CONFIDENCE = 0.8
STRONG, MIDDLE = 7.0, 4.0


class Verdict(Enum):
    """What an utterance means to the step that was asked."""

    ANSWER = auto()
    UNFIT = auto()
    INTERRUPTION = auto()
    STOP = auto()


def judge(said: Said, kind: str, wording: Wording) -> tuple[Verdict, str | float | None]:
    """Return what an utterance means to a step of this kind, and the answer where it is one."""
    if said.choice is not None:
        return _judge_choice(said, kind)
    if wording.is_stop(said.text) or (kind != "speech" and _means_stop(said)):
        return Verdict.STOP, None
    if said.intent in wording.wish_intents and said.confidence >= WISH_CONFIDENCE and wording.is_wish(said.text):
        return Verdict.INTERRUPTION, None
    if kind == "number" and (number := wording.number(said.text)) is not None:
        return Verdict.ANSWER, number
    if kind != "speech" and wording.is_question(said.text):
        return Verdict.INTERRUPTION, None
    if kind == "number" or not any(letter.isalnum() for letter in said.text):
        return (Verdict.ANSWER, PASSED) if kind == "any" else (Verdict.UNFIT, None)
    return Verdict.ANSWER, said.text[:ANSWER_LENGTH]


def _means_stop(said: Said) -> bool:
    """Short, and Rasa is sure. Where a refusal is practised, "I quit" is the answer and this is not asked."""
    return said.intent == "stop" and said.confidence >= STOP_CONFIDENCE and len(said.text.split()) <= STOP_WORDS


def _judge_choice(said: Said, kind: str) -> tuple[Verdict, str | float | None]:
    if said.choice in {"stop", "no"}:
        return Verdict.STOP, None
    if said.number_choice is not None and kind in {"number", "any"}:
        return Verdict.ANSWER, said.number_choice if kind == "number" else f"{said.number_choice:g}"
    if said.choice in {"next", "yes"} and kind != "number":
        return Verdict.ANSWER, PASSED
    return Verdict.INTERRUPTION, None


class ValidateExercise(CareAction):
    """Decides about every utterance while its form is active."""

    def __init__(self, form: str, wording: Wording) -> None:
        self.action_name = f"validate_{form}"
        self._steps = wording.forms[form]
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        step = tracker.get_slot(REQUESTED_SLOT)
        if step not in self._steps:  # the form just begins; what is requested belongs to another
            return []
        verdict, answer = judge(listen(tracker), self._steps[step], self._wording)
        if verdict is Verdict.STOP:
            dispatcher.utter_message(response="utter_stopped")
            # Without the step's slot among the events Rasa would think that nothing was understood, and ask the rules.
            return [SlotSet(step, None), SlotSet(REQUESTED_SLOT, None), ActiveLoop(None)]
        if verdict is Verdict.UNFIT:
            number = self._steps[step] == "number"
            dispatcher.utter_message(response=f"utter_invalid_{step}" if number else "utter_step_again")
        return [] if verdict is Verdict.INTERRUPTION else [SlotSet(step, answer)]


class ActionBeginExercise(CareAction):
    """Empties every step, so that an exercise left half-way begins anew."""

    action_name = "action_begin_exercise"

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        return emptied(self._wording)


class ActionFinishExercise(CareAction):
    """Says the ending that fits, unless the person stopped; then forgets the answers."""

    action_name = "action_finish_exercise"

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        form = last_form(tracker)
        steps = self._wording.forms.get(form or "", {})
        answers = [tracker.get_slot(step) for step in steps]
        if form is not None and steps and None not in answers:
            dispatcher.utter_message(response=ending(form, answers, self._wording))
        return emptied(self._wording)


class ActionStop(CareAction):
    """Answers "stop" while no exercise runs."""

    action_name = "action_stop"

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        dispatcher.utter_message(response="utter_nothing_to_stop")
        return emptied(self._wording)


def ending(form: str, answers: Sequence[Any], wording: Wording) -> str:
    """Return the response that ends a completed form."""
    if form == "craving_check_form":
        strength = float(answers[0])
        return "utter_done_craving_" + ("high" if strength >= STRONG else "middle" if strength >= MIDDLE else "low")
    if form == "refusal_practice_form":
        clear = all(wording.is_refusal(str(answer)) for answer in answers[1:])
        return f"utter_done_refusal_{'clear' if clear else 'soft'}"
    return f"utter_done_{form.removesuffix('_form')}"


def emptied(wording: Wording) -> Events:
    return [SlotSet(step, None) for steps in wording.forms.values() for step in steps]
