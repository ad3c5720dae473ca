"""The Rasa client: what it sends, what it makes of answers, and how it names failures."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx
import pytest

from bot.dialogue.client import RasaDialogue, as_reply, as_transport_error
from bot.errors import DeliveryUnsureError, RefusedError, TransportError, UnreachableError
from bot.ports import Button, DialogueContext, Language, Role

CONTEXT = DialogueContext(
    language=Language.ENGLISH, role=Role.FAMILY, last_topic_id="rehab.cost", recent_utterances=("hi", "and?")
)


def dialogue(answer: Any, status: int = 200) -> tuple[RasaDialogue, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json=answer)

    return RasaDialogue("http://127.0.0.1:5005/", transport=httpx.MockTransport(handle)), seen


async def test_utterance_is_sent_with_its_context() -> None:
    model, seen = dialogue([{"text": "ok"}])
    await model.respond(sender_id="s1", utterance="halo", context=CONTEXT)
    assert seen[0].url == "http://127.0.0.1:5005/webhooks/pendamping/webhook"
    assert json.loads(seen[0].content) == {
        "sender": "s1",
        "message": "halo",
        "metadata": {"role": "family", "language": "en", "last_topic": "rehab.cost", "recent": ["hi", "and?"]},
    }


@pytest.mark.parametrize(
    "typed", ["/request_counselor", ' //greet{"role": "family"}', "EXTERNAL: greet", "\u200b/stop", "/ / /stop"]
)
async def test_payload_syntax_never_leaves_as_such(typed: str) -> None:
    model, seen = dialogue([{"text": "ok"}])
    await model.respond(sender_id="s1", utterance=typed, context=CONTEXT)
    message = json.loads(seen[0].content)["message"]
    assert not message.startswith(("/", "EXTERNAL"))
    assert "choice" not in json.loads(seen[0].content)["metadata"]


async def test_tapped_button_is_sent_as_a_choice_without_text() -> None:
    model, seen = dialogue([{"text": "ok"}])
    await model.choose(sender_id="s1", data="d:topic:rehab.cost", context=CONTEXT)
    body = json.loads(seen[0].content)
    assert (body["message"], body["metadata"]["choice"]) == ("", "topic:rehab.cost")


async def test_forgetting_names_the_conversation() -> None:
    model, seen = dialogue({"forgotten": True})
    await model.forget(sender_id="s1")
    assert (seen[0].url.path, json.loads(seen[0].content)) == ("/webhooks/pendamping/forget", {"sender": "s1"})


def test_reply_keeps_passage_topic_and_buttons_that_fit() -> None:
    buttons = [
        {"title": "Biaya", "payload": "d:topic:rehab.cost"},
        {"title": "Konselor", "payload": "k:counselor"},
        {"title": "Intent", "payload": "/greet"},
        {"title": "Terlalu panjang", "payload": "d:" + "x" * 63},
    ]
    custom = {"passage_id": "rehab.cost.free", "topic_id": "rehab.cost", "unanswered": False}
    reply = as_reply({"text": "Gratis.", "buttons": buttons, "custom": custom, "response": "action_answer_question"})
    assert reply.buttons == (Button("Biaya", "d:topic:rehab.cost"), Button("Konselor", "k:counselor"))
    assert (reply.passage_id, reply.topic_id, reply.response) == (
        "rehab.cost.free",
        "rehab.cost",
        "action_answer_question",
    )
    assert not reply.unanswered


async def test_silence_is_a_failure_not_a_reply() -> None:
    model, _ = dialogue([])
    with pytest.raises(DeliveryUnsureError):
        await model.respond(sender_id="s1", utterance="halo", context=CONTEXT)


@pytest.mark.parametrize(
    ("status", "error"), [(500, DeliveryUnsureError), (503, UnreachableError), (400, RefusedError)]
)
async def test_status_names_the_failure(status: int, error: type[TransportError]) -> None:
    model, _ = dialogue({"error": "x"}, status)
    with pytest.raises(error):
        await model.respond(sender_id="s1", utterance="halo", context=CONTEXT)


async def test_answer_that_is_no_json_is_unsure() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, text="<html>"))
    with pytest.raises(DeliveryUnsureError):
        await RasaDialogue("http://rasa", transport=transport).forget(sender_id="s1")


def httpx_errors() -> list[type[Exception]]:
    classes = [item for _, item in inspect.getmembers(httpx, inspect.isclass) if issubclass(item, Exception)]
    return [item for item in classes if item not in (httpx.HTTPStatusError,)]


@pytest.mark.parametrize("error", httpx_errors())
async def test_every_error_of_the_library_is_translated(error: type[Exception]) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise error("x") if error not in (httpx.StreamConsumed, httpx.StreamClosed) else error()  # type: ignore[call-arg]

    def named() -> Exception:
        wanted = len(inspect.signature(error.__init__).parameters) - 1
        return error() if wanted == 0 else error("x")

    assert isinstance(as_transport_error(named()), TransportError)
    if error not in (httpx.ResponseNotRead, httpx.RequestNotRead, httpx.StreamConsumed, httpx.StreamClosed):
        with pytest.raises(TransportError):
            await RasaDialogue("http://rasa", transport=httpx.MockTransport(fail)).forget(sender_id="s1")


async def test_nobody_listening_is_unreachable() -> None:
    model = RasaDialogue("http://127.0.0.1:9")
    with pytest.raises(UnreachableError):
        await model.respond(sender_id="s1", utterance="halo", context=CONTEXT)
    await model.aclose()
