"""The only way into Rasa: `POST /webhooks/pendamping/webhook`, spoken by `bot/dialogue/client.py`.

    {"sender": "…", "message": "…", "metadata": {"role", "language", "last_topic", "recent", "choice"}}
    -> [{"text", "buttons", "custom", "response"}, …]

Role, language, last topic and the utterances before this one reach Rasa's slots as entities that this channel adds to
what the pipeline found: that needs no extra action call, and a restart of Rasa loses nothing of them.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.rasa_components.choices import Choices, read_choices
from bot.rasa_components.neutral import neutralise

logger = logging.getLogger(__name__)

FALLBACK_INTENT = "nlu_fallback"
SOURCE = "pendamping_channel"
RECENT_UTTERANCES = 4
RECENT_LENGTH = 600
LANGUAGES = ("id", "en")
ROLES = ("resident", "family")


class WholeReplies(CollectingOutputChannel):
    """Collects replies as they were made: one object each, paragraphs together, with the response's name."""

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        custom = message.get("custom") or {}
        self.messages.append(
            {
                "text": message.get("text") or "",
                "buttons": message.get("buttons") or [],
                "custom": custom,
                "response": custom.get("response") or message.get("utter_action") or "",
            }
        )


def context_entities(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entities that fill the context slots; unknown values become the defaults."""
    role = metadata.get("role") if metadata.get("role") in ROLES else None
    recent = [neutralise(str(said))[-RECENT_LENGTH:] for said in (metadata.get("recent") or [])[-RECENT_UTTERANCES:]]
    values = {
        "role": role,
        "language": metadata.get("language") if metadata.get("language") in LANGUAGES else LANGUAGES[0],
        "address": "neutral" if role == "family" else "kamu",
        "last_topic": str(metadata["last_topic"])[:80] if metadata.get("last_topic") else None,
        "recent_utterances": recent,
    }
    return [{"entity": name, "value": value, "extractor": SOURCE} for name, value in values.items()]


class PendampingChannel(InputChannel):
    """Takes in utterances and trusted button choices from the gateway on the same machine."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    @classmethod
    def name(cls) -> str:
        return "pendamping"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        return cls(read_choices())

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        webhook = Blueprint("pendamping_webhook", inspect.getmodule(self).__name__)

        @webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            ready = request.app.ctx.agent is not None and request.app.ctx.agent.is_ready()
            return response.json({"status": "ok" if ready else "loading"}, status=200 if ready else 503)

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            body = request.json
            if not isinstance(body, dict) or not body.get("sender") or not isinstance(body.get("message", ""), str):
                return response.json({"error": "expected an object with sender, message, metadata"}, status=400)
            replies = WholeReplies()
            try:
                message = await self._understand(request.app.ctx.agent, body, replies)
                await on_new_message(message)
            except asyncio.CancelledError:
                raise
            except Exception as exc:  # entry point: Rasa's own log line would quote the utterance
                logger.error("A turn failed with %s.", type(exc).__name__)
                return response.json({"error": type(exc).__name__}, status=500)
            return response.json(replies.messages)

        @webhook.route("/forget", methods=["POST"])
        async def forget(request: Request) -> HTTPResponse:
            sender = (request.json or {}).get("sender")
            if not sender:
                return response.json({"error": "expected an object with sender"}, status=400)
            store = request.app.ctx.agent.tracker_store
            # Saving a conversation without events removes it, see RecentTrackerStore.
            await store.save(DialogueStateTracker(str(sender), store.domain.slots))
            return response.json({"forgotten": True})

        return webhook

    async def _understand(self, agent: Any, body: dict[str, Any], replies: WholeReplies) -> UserMessage:
        """Return the utterance with its intent and entities, so that Rasa never reads the text as a payload."""
        metadata = body.get("metadata") if isinstance(body.get("metadata"), dict) else {}
        choice = metadata.get("choice")
        text = neutralise(body.get("message") or "")
        if choice:
            intent = {"name": self._choices.intent_of(str(choice)), "confidence": 1.0}
            parsed: dict[str, Any] = {"intent": intent, "entities": []}
        elif text:
            parsed = await agent.parse_message(text)
        else:
            parsed = {"intent": {"name": FALLBACK_INTENT, "confidence": 0.0}, "entities": []}
        # Everything else that the pipeline returns (tokens, long rankings) would only make conversations heavier.
        about = {"choice": str(choice)[:64]} if choice else {}
        parse_data = {
            "text": text,
            "intent": parsed["intent"],
            "intent_ranking": (parsed.get("intent_ranking") or [parsed["intent"]])[:4],
            "entities": [*parsed["entities"], *context_entities(metadata)],
            # Actions see the parse, not the message: what they must know of the message goes along.
            "metadata": about,
        }
        return UserMessage(
            text or None,
            replies,
            str(body["sender"]),
            parse_data=parse_data,
            input_channel=self.name(),
            metadata=about,
        )
