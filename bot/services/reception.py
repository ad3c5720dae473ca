"""First stage of every update: screened and, wherever the dialogue model is not needed, answered in one transaction.

This stage never waits for anything but the database, so risk is seen within milliseconds of arrival even while the
dialogue model is slow, restarting or gone. What does need the model goes on to `dialogue_turn.py`.

Callback data is `<namespace>:<rest>`. A namespace is a letter and, from its second version on, a digit (`k`, `k2` …);
a button whose namespace or rest is unknown gets a kind answer and the menu.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.ports import ChatKind, Incoming, Language, UpdateKind
from bot.services import people_desk, privacy
from bot.services.commands import BEFORE_CONSENT, COMMANDS, call_counselor, emergency_numbers, grounding, read_command
from bot.services.feedback import handle_feedback_tap
from bot.services.groups import answer_group
from bot.services.risk_path import URGENT, Reaction, escalate, handle_risk, handle_safety_tap, screen_utterance
from bot.services.turn import Desk, Turn, language_of
from bot.store import inbox, kv, people
from bot.store.database import vault_of
from bot.store.utterances import find_by_message

log = structlog.get_logger()

EDIT_IS_NEW_BELOW = 0.6
"""An edit less alike than this (difflib ratio) is a new question; above it, it is a corrected typo."""


class Next(StrEnum):
    """What remains to be done for an update. HOLD: it waits for consent, or for a no to the safety question."""

    NOTHING = "nothing"
    HOLD = "hold"
    DIALOGUE = "dialogue"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What reception decided.

    Attributes:
        utterance_id: The stored utterance that the dialogue stage answers.
        notice: Shown where a button was tapped.
        forget: Conversation that the dialogue model must forget.
        release: What the person wrote and what was held may be answered now.
    """

    next: Next = Next.NOTHING
    utterance_id: int | None = None
    notice: str | None = None
    forget: str | None = None
    release: bool = False


DONE = Outcome()


class Reception:
    """Decides what an update is, and answers it unless the dialogue model must."""

    def __init__(self, desk: Desk, parse: Callable[[dict[str, Any]], Incoming]) -> None:
        self._desk = desk
        self._parse = parse

    async def receive(self, db: AsyncSession, update: Incoming, now: datetime) -> Outcome:
        """Handle one update inside the caller's transaction."""
        escalations = self._desk.escalations
        if await self._is_own_service(db, update, now) or update.chat_kind is ChatKind.CHANNEL:
            log.info("update.ignored", update_id=update.update_id, kind=update.kind.value)
            return DONE
        if await escalations.is_staff_update(db, update):
            return Outcome(notice=await escalations.handle_staff_update(db, update, now))
        if update.sender is not None and update.sender.is_bot:
            return DONE
        if update.chat_kind is ChatKind.GROUP:
            await answer_group(db, self._desk, update, now)
            return DONE
        return await self._receive_private(db, update, now)

    async def _is_own_service(self, db: AsyncSession, update: Incoming, now: datetime) -> bool:
        """Note a group's new id before anybody asks which chat is the counselors'."""
        if update.migrated_to is None:
            return False
        configured = self._desk.staff_chat_id
        if configured is not None and update.chat_id == await kv.staff_chat_id(db, configured):
            await kv.set_value(db, f"{kv.STAFF_CHAT}:{configured}", str(update.migrated_to), now)
            await self._desk.escalations.handle_staff_update(db, update, now)
        return True

    async def _receive_private(self, db: AsyncSession, update: Incoming, now: datetime) -> Outcome:
        if update.kind is UpdateKind.MEMBERSHIP:
            return await self._membership(db, update, now)
        if update.kind in {UpdateKind.OTHER, UpdateKind.SERVICE}:
            log.info("update.ignored", update_id=update.update_id, kind=update.kind.value)
            return DONE
        guess = _language_of_account(update)
        person = await people.get_or_create(
            db, update.chat_id, now, name=update.sender.name if update.sender else "", language=guess
        )
        person.blocked_at = None  # whoever writes has not blocked us
        heard = self._desk.detect_language(update.text) if update.text and not update.text.startswith("/") else None
        if heard is not None and not person.language_chosen:
            person.language = heard.value  # a button tapped next is answered in the language of the conversation
        turn = Turn(db, self._desk, update, person, now, language_of(person, heard))
        structlog.contextvars.bind_contextvars(conversation_id=turn.conversation_id)
        if update.kind is UpdateKind.BUTTON:
            return await self._button(turn)
        if update.kind is UpdateKind.EDIT:
            return await self._edit(turn)
        return await self._utterance(turn)

    async def _membership(self, db: AsyncSession, update: Incoming, now: datetime) -> Outcome:
        person = await people.find_person(db, update.chat_id)
        if person is not None:
            blocked = update.member_status in {"kicked", "left"}
            if blocked and person.blocked_at is None:
                await self._desk.escalations.person_blocked(db, person, now)
            person.blocked_at = now if blocked else None
        return DONE

    # -- words -------------------------------------------------------------------------------------

    async def _utterance(self, turn: Turn) -> Outcome:
        update, person = turn.update, turn.person
        command = read_command(update.text)
        handoff = await turn.desk.escalations.open_handoff(turn.db, person)
        if command in COMMANDS and not update.attachment:
            words = update.text.split(maxsplit=1)[1:]
            if words and await self._is_risky(turn, words[0], handoff=handoff):
                return DONE
            if person.consent_at is None and command not in BEFORE_CONSENT:
                await people_desk.remind_of_consent(turn)
            else:
                await COMMANDS[command](turn)
            return DONE
        utterance_id = None
        reaction = Reaction.NONE
        if update.text:
            keep = person.consent_at is not None
            earlier = [] if keep else await self._held_texts(turn)
            assessment, utterance_id = await screen_utterance(turn, update.text, keep=keep, earlier=earlier)
            # A counselor who is already talking with the person is told of urgent words through the case; the
            # crisis reply is said all the same: nobody knows whether the counselor is looking right now.
            if not handoff or assessment.level >= URGENT:
                reaction = await handle_risk(turn, assessment, update.text)
        if handoff:
            await turn.desk.escalations.relay_from_person(turn.db, person, update, turn.now)
            return DONE
        if reaction is Reaction.ASKED:
            return Outcome(Next.HOLD, utterance_id)
        if reaction is Reaction.REASSURED:
            return await self._after_no(turn)
        if reaction is Reaction.ANSWERED:
            return DONE
        if update.attachment is not None:
            await self._attachment(turn, update.attachment)
            return DONE
        if not update.text:
            await turn.say(turn.text("no_reply"))
            return DONE
        if command is not None:
            await turn.say(turn.text("unknown_command"), buttons=people_desk.menu(turn))
            return DONE
        if person.consent_at is None:
            await people_desk.hold_for_consent(turn)
            return Outcome(Next.HOLD, utterance_id)
        return Outcome(Next.DIALOGUE, utterance_id)

    async def _after_no(self, turn: Turn) -> Outcome:
        """Go on with what was held while the safety question was open; without consent, ask for that next."""
        if turn.person.consent_at is not None:
            return Outcome(release=not await turn.desk.escalations.open_handoff(turn.db, turn.person))
        if await inbox.held_rows(turn.db, turn.person.chat_key):
            await people_desk.hold_for_consent(turn)
        return DONE

    async def _is_risky(self, turn: Turn, words: str, *, handoff: bool) -> bool:
        """Screen what stands behind a command ("/konselor aku mau mati"); returns whether that was answered."""
        assessment, _ = await screen_utterance(turn, words, keep=turn.person.consent_at is not None)
        if assessment.level < URGENT and not assessment.ask:
            return False
        reaction = await handle_risk(turn, assessment, words)
        if handoff:
            await turn.desk.escalations.relay_from_person(turn.db, turn.person, turn.update, turn.now)
        return reaction is not Reaction.NONE

    async def _held_texts(self, turn: Turn) -> list[str]:
        """Return what the person wrote before agreeing and what is stored nowhere else, oldest first."""
        rows = await inbox.held_rows(turn.db, turn.person.chat_key)
        return [self._parse(inbox.payload_of(turn.db, row)).text for row in rows if row.utterance_id is None]

    async def _attachment(self, turn: Turn, kind: str) -> None:
        known = {"voice", "photo", "sticker", "document", "location", "contact"}
        alike = {"audio": "voice", "video_note": "voice", "video": "photo", "animation": "photo", "venue": "location"}
        name = kind if kind in known else alike.get(kind, "other")
        buttons = []
        if name in {"voice", "contact"}:
            buttons = [turn.counselor_button()]
        elif name == "location":
            buttons = [turn.button("emergency", "m:emergency"), turn.counselor_button()]
        await turn.say(turn.text(f"got_{name}"), buttons=buttons)

    async def _edit(self, turn: Turn) -> Outcome:
        """Screen the new words; escalate if they say more, answer again only if they say something else."""
        update, person = turn.update, turn.person
        if not update.text or update.message_id is None:
            return DONE
        before = await find_by_message(turn.db, person.id, update.message_id)
        old_text = vault_of(turn.db).open(before.text_enc) if before else ""
        if old_text == update.text:
            return DONE  # Telegram also reports link previews and reactions as edits
        handoff = await turn.desk.escalations.open_handoff(turn.db, person)
        assessment, utterance_id = await screen_utterance(turn, update.text, keep=person.consent_at is not None)
        old_level = before.level if before else 0
        answered = False
        if assessment.level >= URGENT and assessment.level > old_level:
            await escalate(turn, assessment, update.text)
            answered = True
        if handoff:
            await turn.desk.escalations.relay_from_person(turn.db, person, update, turn.now)
            return DONE
        if answered or assessment.level >= URGENT:
            return DONE
        reaction = Reaction.NONE if person.safety_open else await handle_risk(turn, assessment, update.text)
        if reaction is not Reaction.NONE:
            return Outcome(Next.HOLD, utterance_id) if reaction is Reaction.ASKED else DONE
        if before is None or person.consent_at is None:
            return DONE
        if SequenceMatcher(None, old_text[:2000], update.text[:2000]).ratio() >= EDIT_IS_NEW_BELOW:
            return DONE
        return Outcome(Next.DIALOGUE, utterance_id)

    # -- buttons -----------------------------------------------------------------------------------

    async def _button(self, turn: Turn) -> Outcome:
        tap = turn.update.tap
        namespace, _, rest = (tap.data if tap else "").partition(":")
        if namespace == "h":
            await turn.desk.escalations.relay_from_person(turn.db, turn.person, turn.update, turn.now)
            return DONE
        if namespace == "d":
            if turn.person.consent_at is not None:
                return Outcome(Next.DIALOGUE)
            await people_desk.remind_of_consent(turn)
            return DONE
        if namespace == "x" and rest == "yes":
            return Outcome(Next.DIALOGUE, forget=await privacy.delete_person(turn))
        had_agreed = turn.person.consent_at is not None
        handler = _TAPS.get(namespace)
        if handler is None or not await handler(turn, rest):
            log.info("button.unknown", update_id=turn.update.update_id)
            await turn.say(turn.text("tap_too_old"), buttons=people_desk.menu(turn))
        if (namespace, rest) == ("s", "no"):
            return await self._after_no(turn)
        agreed = turn.person.consent_at is not None and not had_agreed
        return Outcome(release=agreed and not turn.person.safety_open)


async def _menu_tap(turn: Turn, rest: str) -> bool:
    actions = {"emergency": emergency_numbers, "help": COMMANDS["help"], "privacy": privacy.explain}
    if rest not in actions:
        return False
    await actions[rest](turn)
    return True


async def _care_tap(turn: Turn, rest: str) -> bool:
    actions = {"counselor": call_counselor, "grounding": grounding}
    if rest not in actions:
        return False
    await actions[rest](turn)
    return True


async def _delete_tap(turn: Turn, rest: str) -> bool:
    if rest != "no":
        return False
    await turn.say(turn.text("delete_cancelled"))
    return True


_TAPS: dict[str, Callable[[Turn, str], Awaitable[bool]]] = {
    "o": people_desk.handle_consent_tap,
    "r": people_desk.handle_role_tap,
    "l": people_desk.handle_language_tap,
    "m": _menu_tap,
    "k": _care_tap,
    "s": handle_safety_tap,
    "f": handle_feedback_tap,
    "x": _delete_tap,
}


def _language_of_account(update: Incoming) -> Language:
    """Indonesian first; English only for an account set to a language from elsewhere."""
    code = (update.sender.language_code if update.sender else None) or "id"
    return Language.INDONESIAN if code.split("-")[0] in {"id", "ms", "jv", "su", "in"} else Language.ENGLISH
