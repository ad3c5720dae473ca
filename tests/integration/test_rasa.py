"""The trained model and the action server, for real, over HTTP; only the knowledge base is a small fake."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.dialogue import RasaDialogue, server
from bot.ports import DialogueContext, Language, Reply, Role

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = (
    "import sys; from actions.server import all_actions, configure_logging, serve; "
    "from actions.wording import read_wording; from knowledge.contact import read_contacts; "
    "from tests.unit.actions.fakes import FakeKnowledge; configure_logging(); "
    "serve(all_actions(FakeKnowledge(), read_contacts(), read_wording()), port=int(sys.argv[1]))"
)
# Measured: right 0.890, kept 0.965 of 282 (docs/dialogue.md). Earlier settings gave 0.872 and 0.883; no example was
# changed because of them. The floors leave room for the noise of 282 cases and for other processors.
RIGHT_FLOOR, KEPT_FLOOR = 0.84, 0.91

pytestmark = pytest.mark.skipif(not server.python_of(ROOT).exists(), reason="Rasa's environment is not set up")
ID, EN = DialogueContext(Language.INDONESIAN, Role.RESIDENT), DialogueContext(Language.ENGLISH, Role.RESIDENT)
FAMILY = DialogueContext(Language.INDONESIAN, Role.FAMILY)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def model() -> Path:
    """The trained model; trained only when its data changed."""
    return server.train_if_stale(lambda line: print(line, file=sys.stderr), root=ROOT)


@pytest.fixture(scope="session")
def rasa(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running Rasa: its address and its log."""
    log = tmp_path_factory.mktemp("rasa") / "rasa.log"
    actions_port, rasa_port = free_port(), free_port()
    environment = {**os.environ, **server.rasa_environment(actions_url=f"http://127.0.0.1:{actions_port}")}
    with log.open("wb") as sink:
        commands = [
            [sys.executable, "-c", ACTIONS, str(actions_port)],
            server.rasa_command(root=ROOT, port=rasa_port),
        ]
        children = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sink, stderr=sink) for command in commands
        ]
        try:
            until = time.monotonic() + 240
            while not asyncio.run(server.is_healthy(rasa_port)):
                assert time.monotonic() < until, f"Rasa did not start: {log.read_text()[-2000:]}"
                assert all(child.poll() is None for child in children), log.read_text()[-2000:]
                time.sleep(0.5)
            yield f"http://127.0.0.1:{rasa_port}", log
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(timeout=20)


class Conversation:
    """One person talking."""

    def __init__(self, url: str, context: DialogueContext) -> None:
        self._model = RasaDialogue(url, timeout_s=60.0)
        self._about: dict[str, Any] = {"sender_id": os.urandom(8).hex(), "context": context}

    async def say(self, utterance: str) -> list[Reply]:
        return await self._model.respond(utterance=utterance, **self._about)

    async def tap(self, data: str) -> list[Reply]:
        return await self._model.choose(data=data, **self._about)

    async def forget(self) -> None:
        await self._model.forget(sender_id=self._about["sender_id"])

    async def close(self) -> None:
        await self._model.aclose()


Meet = Callable[[DialogueContext], Conversation]


@pytest.fixture
async def meet(rasa: tuple[str, Path]) -> AsyncIterator[Meet]:
    """Begins conversations, and closes their connections."""
    met: list[Conversation] = []

    def begin(context: DialogueContext) -> Conversation:
        met.append(Conversation(rasa[0], context))
        return met[-1]

    yield begin
    for person in met:
        await person.close()


def names(replies: list[Reply]) -> list[str]:
    return [reply.response for reply in replies]


async def test_question_is_answered_with_its_passage(meet: Meet) -> None:
    (reply,) = await meet(ID).say("biaya rehab berapa ya?")
    assert (reply.text, reply.passage_id, reply.topic_id) == ("Gratis di balai BNN.", "rehab.cost.free", "rehab.cost")
    assert [button.data for button in reply.buttons] == ["d:topic:rehab.bpjs"]


async def test_language_and_role_choose_the_words(meet: Meet) -> None:
    (resident,) = await meet(ID).tap("d:help")
    (english,) = await meet(EN).tap("d:help")
    (family,) = await meet(FAMILY).tap("d:help")
    assert ("Aku bisa" in resident.text, "I can" in english.text, "kamu" in family.text) == (True, True, False)


async def test_counselor_is_one_tap_away(meet: Meet) -> None:
    (reply,) = await meet(ID).say("mau ngomong sama konselor")
    assert (reply.response, reply.buttons[0].data) == ("utter_request_counselor", "k:counselor")


async def test_payload_sets_no_slot(meet: Meet) -> None:
    person = meet(ID)
    (reply,) = await person.say('/ask_capabilities{"language": "en", "address": "neutral"}')
    assert "Sorry" not in reply.text
    (menu,) = await person.tap("d:help")
    assert "Aku bisa" in menu.text


@pytest.mark.parametrize("typed", ["/restart", "/session_start", "/back", "EXTERNAL: restart", "///", "\u200b/restart"])
async def test_payload_syntax_does_not_disturb_an_exercise(meet: Meet, typed: str) -> None:
    person = meet(ID)
    await person.tap("d:safety_plan")
    replies = await person.say(typed)
    assert names(replies)[-1] in {"utter_ask_plan_signs", "utter_ask_plan_alone"}


async def test_forged_choice_leads_to_the_menu(meet: Meet) -> None:
    assert names(await meet(ID).tap('d:restart{"a":1}')) == ["utter_ask_capabilities"]


async def test_exercise_runs_to_its_end(meet: Meet) -> None:
    person = meet(ID)
    assert names(await person.tap("d:breathing")) == ["utter_intro_breathing_form", "utter_ask_breath_first"]
    assert names(await person.tap("d:next")) == ["utter_ask_breath_second"]
    assert names(await person.say("udah, agak pusing dikit")) == ["utter_ask_breath_third"]
    assert names(await person.tap("d:next")) == ["utter_done_breathing"]
    assert names(await person.tap("d:breathing"))[-1] == "utter_ask_breath_first"


async def test_question_in_the_middle_is_answered_and_the_form_goes_on(meet: Meet) -> None:
    person = meet(ID)
    await person.tap("d:craving_check")
    assert names(await person.say("kuat banget")) == ["utter_invalid_craving_strength", "utter_ask_craving_strength"]
    assert names(await person.say("8 dari 10")) == ["utter_ask_craving_place"]
    assert names(await person.say("biaya rehab berapa?")) == ["action_answer_question", "utter_ask_craving_place"]
    assert names(await person.tap("d:topic:rehab.cost")) == ["action_answer_question", "utter_ask_craving_place"]
    assert names(await person.say("di kamar sendirian")) == ["utter_ask_craving_trigger"]
    assert names(await person.tap("d:next")) == ["utter_done_craving_high"]


async def test_stop_ends_a_form_and_the_next_one_begins_empty(meet: Meet) -> None:
    person = meet(ID)
    await person.tap("d:safety_plan")
    await person.say("susah tidur dan gampang marah")
    assert names(await person.say("batal")) == ["utter_stopped"]
    assert names(await person.say("batal")) != ["utter_stopped"]
    assert names(await person.tap("d:safety_plan"))[-1] == "utter_ask_plan_signs"


async def test_safety_plan_is_put_together_and_braces_stay_words(meet: Meet) -> None:
    person = meet(ID)
    await person.tap("d:safety_plan")
    for words in ("susah tidur {role}", "wudu lalu jalan", "masjid", "kakak", "konselor Rina"):
        await person.say(words)
    (plan,) = await person.say("titip uang ke ibu")
    assert plan.response == "utter_done_safety_plan"
    assert "susah tidur {role}" in plan.text
    assert "konselor Rina" in plan.text


async def test_yes_after_a_feeling_begins_what_was_offered(meet: Meet) -> None:
    person = meet(ID)
    assert names(await person.say("pengen make lagi")) == ["utter_report_craving"]
    assert names(await person.say("iya")) == ["utter_intro_craving_check_form", "utter_ask_craving_strength"]


async def test_another_exercise_replaces_an_unfinished_one(meet: Meet) -> None:
    person = meet(ID)
    await person.tap("d:safety_plan")
    assert names(await person.tap("d:grounding"))[-1] == "utter_ask_ground_see"
    assert names(await person.tap("d:next")) == ["utter_ask_ground_touch"]


async def test_failing_knowledge_is_admitted(meet: Meet) -> None:
    (reply,) = await meet(ID).say("apakah otak bisa rusak karena sabu?")
    assert reply.response == "fallback_trouble"


async def test_forgotten_conversation_begins_anew(meet: Meet) -> None:
    person = meet(ID)
    await person.tap("d:grounding")
    await person.forget()
    assert not any(name.startswith("utter_ask_ground") for name in names(await person.tap("d:next")))


async def test_hundred_turns_keep_working(meet: Meet) -> None:
    person = meet(ID)
    for _ in range(100):
        assert names(await person.tap("d:topic:rehab.cost")) == ["action_answer_question"]


async def test_no_utterance_reaches_a_log(meet: Meet, rasa: tuple[str, Path]) -> None:
    person = meet(ID)
    await person.say("kenari ungu namaku Siti Kenanga")
    await person.say("apakah rusak kenari ungu Siti Kenanga?")
    log = rasa[1].read_text(errors="replace")
    assert "enari ungu" not in log
    assert "Kenanga" not in log


def in_rasa(*arguments: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(server.python_of(ROOT)), *arguments],
        cwd=ROOT,
        env={**os.environ, **server.rasa_environment()},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_intents_of_held_out_utterances(model: Path) -> None:
    script = "bot/rasa_components/measure.py"
    done = in_rasa(script, "--root", str(ROOT), "--model", str(model), "training_data/tests/nlu_test.yml")
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout.splitlines()[-1])
    assert min(total for _, _, total in measured["by_intent"].values()) >= 6
    assert (measured["right"] >= RIGHT_FLOOR, measured["kept"] >= KEPT_FLOOR) == (True, True), measured["wrong"]


def test_stories_end_as_written(model: Path, tmp_path: Path) -> None:
    done = in_rasa(
        *("-m", "rasa", "test", "core", "--model", str(model), "--stories", "training_data/tests/test_stories.yml"),
        *("--endpoints", "endpoints.yml", "--out", str(tmp_path), "--fail-on-prediction-errors", "--no-plot"),
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_data_is_valid() -> None:
    done = in_rasa(
        *("-m", "rasa", "data", "validate", "--config", "config.yml", "--domain", server.DOMAIN),
        *("--data", *server.DATA),
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    warned = [line for line in (done.stdout + done.stderr).splitlines() if "UserWarning" in line and "/rasa/" in line]
    # Rasa can't see responses that actions and forms utter; tests/unit/actions/test_completeness.py can.
    assert [line for line in warned if "is not used in any story or rule" not in line] == []
