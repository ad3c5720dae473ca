"""Implements `DialogueModel` of bot/ports.py over HTTP. The other end: bot/rasa_components/channel.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from bot.errors import DeliveryUnsureError, RateLimitedError, RefusedError, TransportError, UnreachableError
from bot.ports import Button, DialogueContext, Reply
from bot.rasa_components.neutral import neutralise

CHOICE_PREFIX = "d:"
GATEWAY_PREFIX = "k:"
DATA_BYTES = 64
TIMEOUT_S = 15.0


class RasaDialogue:
    """Asks Rasa on loopback.

    Args:
        url: Address of the Rasa server, without a path.
        transport: For tests; None is a real connection.
    """

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/webhooks/pendamping",
            timeout=httpx.Timeout(timeout_s, connect=2.0),
            transport=transport,
            trust_env=False,
        )

    async def respond(self, *, sender_id: str, utterance: str, context: DialogueContext) -> list[Reply]:
        """Return the replies to an utterance, in order. Whatever it begins with, it is never read as an intent.

        Raises:
            TransportError: Rasa or its action server can't be reached, or answers with nonsense or with nothing.
        """
        return await self._ask(sender_id, str(neutralise(utterance)), metadata(context))

    async def choose(self, *, sender_id: str, data: str, context: DialogueContext) -> list[Reply]:
        """Return the replies to a tapped dialogue button; one of an older version leads to the menu."""
        choice = data.removeprefix(CHOICE_PREFIX) or "unknown"
        return await self._ask(sender_id, "", {**metadata(context), "choice": choice})

    async def forget(self, *, sender_id: str) -> None:
        """Delete the conversation from Rasa's memory."""
        await self._post("/forget", {"sender": sender_id})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, sender_id: str, message: str, about: Mapping[str, Any]) -> list[Reply]:
        body = await self._post("/webhook", {"sender": sender_id, "message": message, "metadata": about})
        if not isinstance(body, list):
            raise DeliveryUnsureError("expected a list of replies from Rasa")
        replies = [as_reply(item) for item in body if isinstance(item, dict) and item.get("text")]
        if not replies:
            # Rasa says nothing when an action failed. Silence must reach nobody.
            raise DeliveryUnsureError("Rasa had no reply; is the action server running?")
        return replies

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = await self._http.post(path, json=body)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError) as exc:
            raise as_transport_error(exc) from exc
        except ValueError as exc:
            raise DeliveryUnsureError("expected JSON from Rasa") from exc


def metadata(context: DialogueContext) -> dict[str, Any]:
    """Return what the channel turns into slots."""
    return {
        "role": context.role.value if context.role else None,
        "language": context.language.value,
        "last_topic": context.last_topic_id,
        "recent": list(context.recent_utterances),
    }


def as_reply(item: Mapping[str, Any]) -> Reply:
    """Translate one of the channel's replies; buttons that Telegram could not carry are left out."""
    custom = item.get("custom") or {}
    return Reply(
        text=str(item["text"]),
        buttons=tuple(
            Button(str(button["title"]), str(button["payload"]))
            for button in item.get("buttons") or ()
            if str(button.get("payload", "")).startswith((CHOICE_PREFIX, GATEWAY_PREFIX))
            and len(str(button["payload"]).encode()) <= DATA_BYTES
        ),
        passage_id=custom.get("passage_id"),
        topic_id=custom.get("topic_id"),
        response=str(item.get("response") or custom.get("response") or ""),
        unanswered=bool(custom.get("unanswered")),
    )


def as_transport_error(exc: Exception) -> TransportError:
    """Translate any of httpx's errors. UnreachableError means that Rasa has certainly not heard the utterance."""
    if isinstance(exc, httpx.HTTPStatusError):
        status = exc.response.status_code
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return RateLimitedError(1.0)
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            return UnreachableError("Rasa is still loading")
        refused = httpx.codes.is_client_error(status)
        return (RefusedError if refused else DeliveryUnsureError)(f"Rasa answered {status}")
    if isinstance(exc, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return UnreachableError("Rasa can't be reached")
    if isinstance(exc, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return RefusedError("the address of Rasa is not valid")
    return DeliveryUnsureError(f"Rasa did not answer ({type(exc).__name__})")
