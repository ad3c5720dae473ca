"""What Rasa's files name exists here, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from actions.answering import GUESSED
from actions.server import all_actions
from actions.wording import read_wording
from knowledge.contact import read_contacts
from tests.unit.actions.fakes import FakeKnowledge
from tests.unit.bot.dialogue.test_choices import DOMAIN, ROOT

SUPPORT = re.compile(r"intent: (\w+)\n\s+- action: action_support")


def source() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(Path(ROOT / "actions").glob("*.py")))


def test_actions_of_the_domain_are_served() -> None:
    served = {action.name() for action in all_actions(FakeKnowledge(), read_contacts(), read_wording())}
    assert served == set(DOMAIN["actions"])


def test_forms_have_the_same_steps_in_both_places() -> None:
    forms = {name: form["required_slots"] for name, form in DOMAIN["forms"].items()}
    assert forms == {name: list(steps) for name, steps in read_wording().forms.items()}


def test_every_step_is_asked_and_every_exercise_introduced() -> None:
    wanted = {f"utter_ask_{step}" for form in DOMAIN["forms"].values() for step in form["required_slots"]}
    wanted |= {f"utter_intro_{form}" for form in DOMAIN["forms"]}
    wanted |= {f"utter_invalid_{step}" for f in read_wording().forms.values() for step, k in f.items() if k == "number"}
    assert wanted - set(DOMAIN["responses"]) == set()


def test_responses_named_in_actions_exist() -> None:
    named = set(re.findall(r'"(utter_\w+[a-z])"', source())) | set(GUESSED.values())
    assert named - set(DOMAIN["responses"]) == set()


def test_every_supported_feeling_has_words() -> None:
    stories = (ROOT / "training_data/stories/feelings.yml").read_text(encoding="utf-8")
    feelings = set(SUPPORT.findall(stories))
    assert len(feelings) >= 12
    assert {f"utter_{feeling}" for feeling in feelings} - set(DOMAIN["responses"]) == set()
