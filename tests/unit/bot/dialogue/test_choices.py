"""Buttons and the allow-list agree, and no other button can become an intent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.rasa_components.choices import read_choices
from bot.rasa_components.neutral import neutralise

ROOT = Path(__file__).resolve().parents[4]
DOMAIN: dict[str, Any] = {}
for _file in sorted((ROOT / "training_data" / "domain").glob("*.yml")):
    for _key, _value in yaml.safe_load(_file.read_text(encoding="utf-8")).items():
        if isinstance(_value, dict):
            DOMAIN.setdefault(_key, {}).update(_value)
        elif isinstance(_value, list):
            DOMAIN.setdefault(_key, []).extend(_value)
TOPICS = {
    topic["id"]
    for topics in yaml.safe_load((ROOT / "knowledge" / "topics.yaml").read_text(encoding="utf-8"))["topics"].values()
    for topic in topics
}


def payloads() -> set[str]:
    variations = [variation for response in DOMAIN["responses"].values() for variation in response]
    return {button["payload"] for variation in variations for button in variation.get("buttons", [])}


def test_every_button_fits_telegram() -> None:
    assert [data for data in payloads() if len(data.encode()) > 64] == []


def test_every_dialogue_button_is_on_the_allow_list() -> None:
    choices, exact = read_choices(), {"help"}
    chosen = {data.removeprefix("d:") for data in payloads() if data.startswith("d:")}
    assert {c for c in chosen - exact if choices.intent_of(c) == choices.intent_of("no such choice")} == set()


def test_every_other_button_is_the_gateways() -> None:
    assert {data for data in payloads() if not data.startswith("d:")} == {"k:counselor"}


def test_every_topic_button_names_a_topic() -> None:
    topics = {data.removeprefix("d:topic:") for data in payloads() if data.startswith("d:topic:")}
    assert topics - TOPICS == set()


def test_choices_stand_for_intents_of_the_domain() -> None:
    content = yaml.safe_load((ROOT / "bot/rasa_components/choices.yaml").read_text(encoding="utf-8"))
    intents = {*content["choices"].values(), *content["patterns"].values(), content["unknown"]}
    assert intents - set(DOMAIN["intents"]) == set()


@pytest.mark.parametrize("forged", ["restart", "topic:../../x", "n:11", 'topic:a.b{"role":"x"}', "", "greet"])
def test_forged_choice_leads_to_the_menu(forged: str) -> None:
    assert read_choices().intent_of(forged) == "ask_capabilities"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("/greet", "greet"),
        ('/a{"b":1}', 'a{"b":1}'),
        ("  / /x", "x"),
        ("external: EXTERNAL: x", "x"),
        ("\u202e/x", "x"),
        ("sabu/ganja?", "sabu/ganja?"),
        ("///", ""),
        ("\ud800x\x00", "\ufffdx"),
    ],
)
def test_payload_marks_are_taken_off(typed: str, read: str) -> None:
    assert neutralise(typed) == read


def test_every_response_speaks_both_languages_to_everybody() -> None:
    def holds(variation: dict[str, Any], about: dict[str, str]) -> bool:
        return all(about[condition["name"]] == condition["value"] for condition in variation.get("condition", []))

    people = [{"language": lang, "address": how} for lang in ("id", "en") for how in ("kamu", "neutral")]
    silent = [
        (name, about)
        for name, variations in DOMAIN["responses"].items()
        for about in people
        if not any(holds(variation, about) for variation in variations)
    ]
    assert silent == []
