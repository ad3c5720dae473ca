"""Second stage: ask the dialogue model, then store reply, person and inbox row in one transaction.

The model is asked outside any transaction. If the process dies while waiting, the row's lease runs out and the turn is
done again: the model may hear an utterance twice, the person gets one reply.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import TransportError
from bot.ports import DialogueContext, DialogueModel, Incoming, Language, Reply, Role
from bot.services.cleaning import text_for_dialogue
from bot.services.feedback import feedback_row
from bot.services.outgoing import CALLBACK_BYTES
from bot.services.risk_path import SUPPORT
from bot.services.turn import DIALOGUE_REPLIES, Desk, Turn, language_of
from bot.store import inbox
from bot.store.database import Database
from bot.store.inbox import ClaimLostError
from bot.store.models import InboxRow, Person, Utterance
from bot.store.people import find_person
from bot.store.reviews import add_review_question
from bot.store.utterances import last_said

log = structlog.get_logger()

RETRY_AFTER_S = (4.0, 12.0)
"""Pauses between tries while the model can't be reached: three tries within about 20 seconds, then the kind reply."""

TYPING_AFTER_S = 0.3
"""An answer that comes sooner needs no "typing", and the call would only delay it."""

FORGET_RETRY_S = 60.0
MODEL_TIMEOUT_S = 20.0
CALL_COUNSELOR = "utter_request_counselor"
"""The dialogue model's response to somebody who asks for a human."""

RECENT_UTTERANCES = 4


class Presence(Protocol):
    """What makes waiting visible; failing at it matters to nobody."""

    async def typing(self, chat_id: int) -> None: ...
    async def answer_tap(self, query_id: str, text: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a turn needs to know before the model is asked."""

    person: Person
    language: Language
    context: DialogueContext
    level: int
    categories: tuple[str, ...]
    handoff: bool


class DialogueTurn:
    """Works through claimed inbox rows."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        model: DialogueModel,
        parse: Callable[[dict[str, Any]], Incoming],
        *,
        worker_id: str,
        clock: Callable[[], datetime],
        presence: Presence | None = None,
    ) -> None:
        self._database = database
        self._desk = desk
        self._model = model
        self._parse = parse
        self._worker_id = worker_id
        self._clock = clock
        self._presence = presence

    async def run(self, row: InboxRow) -> None:
        """Answer one claimed row, postpone it, or bury it with a kind reply. Never raises but for cancellation."""
        started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        try:
            await self._answer(row, started)
        except ClaimLostError:
            log.info("turn.claim_lost", update_id=row.update_id)
        except TransportError as exc:
            await self._fail(row, exc, exc.code)
        except Exception as exc:  # entry point: a turn that breaks must not stop the others
            log.exception("turn.failed", update_id=row.update_id, attempts=row.attempts)
            await self._fail(row, exc, type(exc).__name__)

    async def _answer(self, row: InboxRow, started: float) -> None:
        async with self._database.read() as db:
            payload = inbox.payload_of(db, row)
            if "forget" in payload or not payload:
                asked, update = None, None
            else:
                update = self._parse(payload)
                asked = await self._look_up(db, row, update)
        if asked is None or update is None:
            if payload:
                await self._model.forget(sender_id=str(payload.get("forget", "")))
            async with self._database.write() as db:
                await inbox.finish_dialogue(db, row, self._clock(), worker_id=self._worker_id)
            return
        replies = [] if asked.handoff else await self._ask(asked, update)
        async with self._database.write() as db:
            now = self._clock()
            person = await db.get(Person, asked.person.id)
            await inbox.finish_dialogue(db, row, now, worker_id=self._worker_id)
            if person is None or person.consent_at is None:
                return
            turn = Turn(db, self._desk, update, person, now, asked.language, DIALOGUE_REPLIES)
            # A counselor may have taken over while the model was thinking.
            if await self._desk.escalations.open_handoff(db, person):
                await self._desk.escalations.relay_from_person(db, person, update, now)
                return
            await self._reply(turn, replies, asked)
        log.info(
            "turn.answered",
            update_id=row.update_id,
            conversation_id=str(asked.person.id),
            risk_level=asked.level,
            response=[reply.response for reply in replies],
            passage_ids=[reply.passage_id for reply in replies if reply.passage_id],
            reply_count=len(replies),
            attempts=row.attempts,
            duration_ms=round((time.perf_counter() - started) * 1000),
        )

    async def _look_up(self, db: AsyncSession, row: InboxRow, update: Incoming) -> _Asked | None:
        person = await find_person(db, update.chat_id)
        if person is None:
            return None
        said = await db.get(Utterance, row.utterance_id) if row.utterance_id else None
        recent = await last_said(
            db, person.id, limit=RECENT_UTTERANCES, direction="in", before_id=said.id if said else None
        )
        heard = self._desk.detect_language(update.text) if update.text else None
        language = language_of(person, heard)
        context = DialogueContext(
            language=language,
            role=Role(person.role) if person.role else None,
            last_topic_id=person.last_topic_id,
            recent_utterances=[text_for_dialogue(item.text) for item in recent],
        )
        handoff = await self._desk.escalations.open_handoff(db, person)
        categories = tuple(part for part in said.categories.split(",") if part) if said else ()
        return _Asked(person, language, context, said.level if said else 0, categories, handoff)

    async def _ask(self, asked: _Asked, update: Incoming) -> list[Reply]:
        typing = asyncio.create_task(self._show_typing(update.chat_id))
        sender_id = str(asked.person.id)
        try:
            async with asyncio.timeout(MODEL_TIMEOUT_S):
                if update.tap is not None:
                    return await self._model.choose(sender_id=sender_id, data=update.tap.data, context=asked.context)
                utterance = text_for_dialogue(update.text)
                if not utterance:
                    return []
                return await self._model.respond(sender_id=sender_id, utterance=utterance, context=asked.context)
        except TimeoutError as exc:
            raise TransportError("the dialogue model did not answer in time") from exc
        finally:
            typing.cancel()

    async def _show_typing(self, chat_id: int) -> None:
        await asyncio.sleep(TYPING_AFTER_S)
        while self._presence is not None:
            await self._presence.typing(chat_id)
            await asyncio.sleep(4.5)  # Telegram shows it for five seconds

    async def _reply(self, turn: Turn, replies: Sequence[Reply], asked: _Asked) -> None:
        if any(reply.response == CALL_COUNSELOR for reply in replies):
            # Who asks for a person in so many words need not tap a button as well.
            await self._desk.escalations.request_human(turn.db, turn.person, turn.now)
            return
        spoken = [reply for reply in replies if reply.text.strip()] or [Reply(turn.text("no_reply"), unanswered=True)]
        supportive = asked.level >= SUPPORT
        if supportive and all(reply.unanswered or "fallback" in reply.response for reply in spoken):
            words = self._desk.words.support_reply(asked.categories, turn.language, turn.role)
            if words:
                await turn.say(words)
        for number, reply in enumerate(spoken):
            buttons: list[Any] = [b for b in reply.buttons if 1 <= len(b.data.encode()) <= CALLBACK_BYTES]
            if reply.passage_id:
                buttons.append(feedback_row(turn, reply.passage_id))
            offered = any(button.data == "k:counselor" for button in reply.buttons)
            if number == len(spoken) - 1 and not offered and (supportive or reply.unanswered):
                buttons.append(turn.counselor_button())
            await turn.say(reply.text, buttons=buttons, passage_id=reply.passage_id)
            if reply.topic_id:
                turn.person.last_topic_id = reply.topic_id
        if turn.update.text and any(reply.unanswered for reply in replies):
            await add_review_question(
                turn.db, turn.update.text, language=turn.language.value, reason="unanswered", now=turn.now
            )

    async def _fail(self, row: InboxRow, exc: Exception, code: str) -> None:
        now = self._clock()
        try:
            async with self._database.write() as db:
                payload = inbox.payload_of(db, row)
                if row.attempts <= len(RETRY_AFTER_S) or "forget" in payload:
                    pause = FORGET_RETRY_S if "forget" in payload else RETRY_AFTER_S[row.attempts - 1]
                    until = now + timedelta(seconds=pause)
                    await inbox.postpone_dialogue(db, row, until, worker_id=self._worker_id, code=code)
                    log.warning("turn.postponed", update_id=row.update_id, attempts=row.attempts, code=code)
                    return
                await inbox.finish_dialogue(db, row, now, worker_id=self._worker_id, dead=code)
                log.error("turn.dead", update_id=row.update_id, attempts=row.attempts, code=code)
                await self._say_trouble(db, payload, now)
        except ClaimLostError:
            log.info("turn.claim_lost", update_id=row.update_id)
        except Exception:  # the lease runs out and the row is tried again
            log.exception("turn.failure_not_stored", update_id=row.update_id)

    async def _say_trouble(self, db: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
        update = self._parse(payload)
        person = await find_person(db, update.chat_id)
        if person is not None:
            turn = Turn(db, self._desk, update, person, now, language_of(person), DIALOGUE_REPLIES)
            await turn.say(turn.text("trouble"), buttons=[turn.counselor_button()])
