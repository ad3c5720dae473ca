"""Exercises: what answers a step, what interrupts it, what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from actions.conversation import listen
from actions.exercise import (
    PASSED,
    ActionBeginExercise,
    ActionFinishExercise,
    ActionStop,
    ValidateExercise,
    Verdict,
    judge,
)
from actions.wording import read_wording
from tests.unit.actions.fakes import run, tracker

WORDING = read_wording()


def verdict(text: str, kind: str, intent: str = "nlu_fallback", confidence: float = 0.9) -> Verdict:
    return judge(listen(tracker(text, intent, confidence)), kind, WORDING)[0]


@pytest.mark.parametrize("text", ["stop", "Stop.", "batal", "udahan deh", "cukup ya kak", "nggak jadi", "enough"])
@pytest.mark.parametrize("kind", ["number", "text", "speech", "any"])
def test_stop_ends_every_kind_of_step(text: str, kind: str) -> None:
    assert verdict(text, kind) is Verdict.STOP


@pytest.mark.parametrize("text", ["aku berhenti kerja kemarin", "keluar rumah terus jalan kaki", "cukup tidur"])
def test_words_that_only_contain_a_stop_word_are_answers(text: str) -> None:
    assert verdict(text, "text") is Verdict.ANSWER


@pytest.mark.parametrize("text", ["biaya rehab berapa?", "gimana cara nahannya", "what is a trigger"])
def test_question_interrupts_a_step(text: str) -> None:
    assert verdict(text, "text", "ask_topic") is Verdict.INTERRUPTION


def test_question_is_an_answer_where_one_speaks_to_somebody_else() -> None:
    assert verdict("ngapain sih ngajak gue?", "speech") is Verdict.ANSWER


def test_asking_for_a_counselor_interrupts_and_naming_one_does_not() -> None:
    assert verdict("mau ngomong sama konselor", "text", "request_counselor") is Verdict.INTERRUPTION
    assert verdict("konselor Rina", "text", "request_counselor") is Verdict.ANSWER


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7.0), ("sekitar 8 dari 10", 8.0), ("8/10", 8.0), ("tujuh", 7.0), ("tadi 9 sekarang 4", 4.0), ("6,5", 6.5)],
)
def test_number_is_read(text: str, value: float) -> None:
    assert judge(listen(tracker(text)), "number", WORDING) == (Verdict.ANSWER, value)


@pytest.mark.parametrize("text", ["kuat banget", "99", "minus 1000", "👍"])
def test_no_number_is_asked_again(text: str) -> None:
    assert verdict(text, "number") is Verdict.UNFIT


@pytest.mark.parametrize(
    ("choice", "kind", "expected"),
    [
        ("n:7", "number", (Verdict.ANSWER, 7.0)),
        ("n:7", "text", (Verdict.INTERRUPTION, None)),
        ("next", "any", (Verdict.ANSWER, PASSED)),
        ("next", "number", (Verdict.INTERRUPTION, None)),
        ("stop", "any", (Verdict.STOP, None)),
        ("topic:rehab.cost", "any", (Verdict.INTERRUPTION, None)),
    ],
)
def test_buttons_within_an_exercise(choice: str, kind: str, expected: tuple[Verdict, Any]) -> None:
    assert judge(listen(tracker("", choice=choice)), kind, WORDING) == expected


def test_answer_fills_the_step_and_emoji_alone_do_not() -> None:
    validate = ValidateExercise("safety_plan_form", WORDING)
    slots = {"requested_slot": "plan_signs"}
    assert run(validate, tracker("susah tidur, marah-marah", slots=slots))[1] == [
        {"event": "slot", "timestamp": None, "name": "plan_signs", "value": "susah tidur, marah-marah"}
    ]
    messages, events = run(validate, tracker("🙂", slots=slots))
    assert (messages[0]["response"], events[0]["value"]) == ("utter_step_again", None)


def test_step_of_another_form_is_not_touched() -> None:
    validate = ValidateExercise("breathing_form", WORDING)
    assert run(validate, tracker("halo", slots={"requested_slot": "plan_signs"})) == ([], [])
    assert run(validate, tracker("halo")) == ([], [])


def test_stop_ends_the_loop_and_says_so() -> None:
    validate = ValidateExercise("breathing_form", WORDING)
    messages, events = run(validate, tracker("batal", slots={"requested_slot": "breath_first"}))
    assert messages[0]["response"] == "utter_stopped"
    assert {"event": "active_loop", "timestamp": None, "name": None} in events


def finish(form: str, answers: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    slots = dict(zip(WORDING.forms[form], answers, strict=False))
    events = [{"event": "active_loop", "name": form}, {"event": "active_loop", "name": None}]
    return run(ActionFinishExercise(WORDING), tracker("x", slots=slots, events=events))


@pytest.mark.parametrize(
    ("form", "answers", "response"),
    [
        ("craving_check_form", [2.0, "rumah", PASSED], "utter_done_craving_low"),
        ("craving_check_form", [4.0, "rumah", PASSED], "utter_done_craving_middle"),
        ("craving_check_form", [7.0, "rumah", PASSED], "utter_done_craving_high"),
        ("refusal_practice_form", ["teman", "Nggak, makasih.", "gak, gue berhenti"], "utter_done_refusal_clear"),
        ("refusal_practice_form", ["teman", "Nggak, makasih.", "nanti deh"], "utter_done_refusal_soft"),
        ("grounding_form", [PASSED] * 5, "utter_done_grounding"),
        ("safety_plan_form", ["a", "b", "c", "d", "e", "f"], "utter_done_safety_plan"),
    ],
)
def test_completed_exercise_ends_in_fitting_words(form: str, answers: list[Any], response: str) -> None:
    messages, events = finish(form, answers)
    assert [message["response"] for message in messages] == [response]
    assert {event["value"] for event in events} == {None}


def test_stopped_exercise_ends_without_further_words() -> None:
    assert finish("grounding_form", [PASSED, PASSED])[0] == []


def test_beginning_and_stopping_empty_every_step() -> None:
    steps = {step for form in WORDING.forms.values() for step in form}
    for action in (ActionBeginExercise(WORDING), ActionStop(WORDING)):
        assert {event["name"] for event in run(action, tracker("x"))[1]} == steps
