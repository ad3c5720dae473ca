"""Passes words both ways between a person and the counselor who has their case.

Texts are sent as the bot's own messages, so that an unsure delivery can be proved; everything else is copied by
Telegram (`copyMessage`), which shows no sender. The bot hears of edits but never of deletions, reading or typing:
Telegram does not tell bots. What counselors do learn is that a message could not be delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff import case
from bot.handoff.case import CaseState
from bot.ports import Incoming, Lane, Language, UpdateKind
from bot.services.cleaning import cut_middle
from bot.services.office import Office
from bot.services.outgoing import say
from bot.store import cases, counselors, outbox, people
from bot.store.handoff_models import Case, CaseMessage, Counselor
from bot.store.models import Person
from bot.store.people import chat_id_of
from bot.store.utterances import add_utterance

log = structlog.get_logger()

TEXT_LIMIT = 3300
ANSWERS_WITHIN = timedelta(minutes=3)
"""A counselor who has left the person's last word unanswered for longer may not be looking."""

HOLD_EVERY = timedelta(minutes=3)
"""A person who waits is offered grounding at most this often, however much they write."""

_CAPTIONED = frozenset({"photo", "voice", "video", "document", "audio", "animation"})
_KINDS = {"video_note": "video", "animation": "video", "audio": "voice", "venue": "location"}


# --- From the person ----------------------------------------------------------------------------


async def pass_on(db: AsyncSession, office: Office, row: Case, person: Person, update: Incoming, now: datetime) -> None:
    """Show the counselors what the person sent, and offer grounding where nobody has come yet."""
    row.person_blocked_at = None  # whoever writes can be reached again
    facts = cases.facts_of(row)
    # A risk raised in this very turn was posted with its words already.
    posted = row.raised_at == now and not update.attachment
    if not posted and (update.text or update.attachment):
        await _post_from_person(db, office, row, update, now)
    if facts.state in case.TAKEN:
        cases.store_facts(row, case.person_spoke(facts, now))
    elif not await outbox.is_queued(db, f"u{update.update_id}:0"):  # the bot has not just said a crisis reply
        await _hold(db, office, row, person, now)


async def _post_from_person(db: AsyncSession, office: Office, row: Case, update: Incoming, now: datetime) -> None:
    key = f"u{update.update_id}:relay"
    if update.kind is UpdateKind.EDIT:
        former = await cases.message_from_person(db, row.id, update.message_id) if update.message_id else None
        text = office.staff.say("from_person_edit", pseudonym=row.pseudonym, text=_cut(office, update.text))
        await office.post(
            db, row, text, dedup=key, now=now, kind="in", reply_to=former.staff_message_id if former else None,
            person_message_id=update.message_id,
        )  # fmt: skip
        return
    if not update.attachment:
        text = office.staff.say("from_person", pseudonym=row.pseudonym, text=_cut(office, update.text))
        await office.post(db, row, text, dedup=key, now=now, kind="in", person_message_id=update.message_id)
        return
    chat_id = await office.staff_chat(db)
    if chat_id is None or update.message_id is None:
        return
    message = await cases.add_message(db, row.id, "in", now, person_message_id=update.message_id)
    params: dict[str, Any] = {"from_chat_id": update.chat_id, "message_id": update.message_id} | office.place(row)
    if update.attachment in _CAPTIONED:
        words = update.text or office.staff.label("kind", _kind(update.attachment))
        caption = office.staff.say("from_person", pseudonym=row.pseudonym, text=words)
        params["caption"] = cut_middle(caption, 1000)
    else:
        label = office.staff.label("kind", _kind(update.attachment))
        text = office.staff.say("from_person_file", pseudonym=row.pseudonym, kind=label)
        await office.post(db, row, text, dedup=f"{key}:label", now=now)
    await outbox.enqueue(
        db, chat_id=chat_id, method="copyMessage", params=params, dedup_key=key, now=now, ref=f"case:{message.id}"
    )


def _kind(attachment: str) -> str:
    name = _KINDS.get(attachment, attachment)
    return name if name in {"voice", "photo", "sticker", "document", "location", "contact", "video"} else "other"


def _cut(office: Office, text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + office.staff.say("cut")


async def _hold(db: AsyncSession, office: Office, row: Case, person: Person, now: datetime) -> None:
    if row.held_at is not None and now - row.held_at < HOLD_EVERY:
        return
    row.held_at = now
    event = await cases.add_event(db, row.id, "held", now)
    buttons = office.calming_buttons(person)
    await office.tell(db, person, "hold", dedup=f"case:{row.id}:hold:{event.id}", now=now, buttons=buttons)


# --- From the counselor -------------------------------------------------------------------------


async def answer(db: AsyncSession, office: Office, row: Case, who: Counselor, update: Incoming, now: datetime) -> None:
    """Bring a counselor's message to the person. The caller has checked that the case is this counselor's."""
    person = await people.get_person(db, row.person_id)
    if person is None or person.blocked_at is not None:
        await _not_delivered(db, office, row, update.message_id, now, blocked=True, key=f"u{update.update_id}:blocked")
        return
    message = await cases.add_message(db, row.id, "out", now, staff_message_id=update.message_id)
    ref = f"case:{message.id}"
    key = f"u{update.update_id}:relay"
    name = counselors.name_of(db, who)
    if update.attachment:
        label = office.texts.say("from_counselor_file", Language(person.language), name=name)
        await say(db, chat_id=chat_id_of(db, person), text=label, key=f"{key}:label", now=now, lane=Lane.PRIORITY)
        await outbox.enqueue(
            db,
            chat_id=chat_id_of(db, person),
            method="copyMessage",
            params={"from_chat_id": update.chat_id, "message_id": update.message_id},
            dedup_key=key,
            now=now,
            lane=Lane.PRIORITY,
            ref=ref,
        )
        text = update.text
    else:
        text = await say_as_counselor(db, office, person, name, update.text, key=key, now=now, ref=ref)
    await counselor_said(db, row, person, who, text, now)


async def say_as_counselor(
    db: AsyncSession, office: Office, person: Person, name: str, words: str, *, key: str, now: datetime, ref: str
) -> str:
    """Queue a counselor's words for the person, under the counselor's name. Returns the text as shown."""
    text = office.texts.say("from_counselor", Language(person.language), name=name, text=words)
    # In the priority lane: a counselor's word must not wait behind the bot's own talk of a minute ago.
    await say(db, chat_id=chat_id_of(db, person), text=text, key=key, now=now, lane=Lane.PRIORITY, ref=ref)
    return text


async def counselor_said(
    db: AsyncSession, row: Case, person: Person, who: Counselor, text: str, now: datetime
) -> None:
    """Note that a human has written: the wait is over, and the words belong to the conversation."""
    first = row.first_word_at is None
    cases.store_facts(row, case.counselor_spoke(cases.facts_of(row), now))
    if text and person.consent_at is not None:
        await add_utterance(db, person.id, text, now, direction="out")
    if first:
        await cases.add_event(db, row.id, "first_word", now, counselor_id=who.id)
        log.info("handoff.first_word", case_id=row.id, waiting_s=(now - row.asked_at).total_seconds())


async def edit_answer(db: AsyncSession, office: Office, who: Counselor, update: Incoming, now: datetime) -> None:
    """Change what the person sees after a counselor edited their own message. Captions are sent as a new text."""
    message = await cases.message_from_counselor(db, update.message_id) if update.message_id else None
    row = await cases.lock_case(db, message.case_id) if message else None
    if message is None or row is None or row.counselor_id != who.id or not update.text:
        return
    person = await people.get_person(db, row.person_id)
    if person is None or person.blocked_at is not None or message.person_message_id is None:
        return
    text = office.texts.say(
        "from_counselor", Language(person.language), name=counselors.name_of(db, who), text=update.text
    )
    await outbox.enqueue(
        db,
        chat_id=chat_id_of(db, person),
        method="editMessageText" if not update.attachment else "editMessageCaption",
        params={
            "message_id": message.person_message_id,
            ("text" if not update.attachment else "caption"): cut_middle(text, 4000 if not update.attachment else 1000),
        },
        dedup_key=f"u{update.update_id}:relay",
        now=now,
        lane=Lane.PRIORITY,
        ref=f"edit:{row.id}",
    )
    await cases.add_event(db, row.id, "edited", now, counselor_id=who.id)


async def withdraw(
    db: AsyncSession, office: Office, row: Case, message: CaseMessage, who: Counselor, now: datetime, *, key: str
) -> bool:
    """Delete a counselor's message from the person's chat. Returns False where it is not there."""
    person = await people.get_person(db, row.person_id)
    if person is None or message.person_message_id is None or row.counselor_id != who.id:
        return False
    await outbox.enqueue(
        db,
        chat_id=chat_id_of(db, person),
        method="deleteMessage",
        params={"message_id": message.person_message_id},
        dedup_key=f"{key}:delete",
        now=now,
        lane=Lane.PRIORITY,
        ref=f"edit:{row.id}",
    )
    await cases.add_event(db, row.id, "withdrawn", now, counselor_id=who.id)
    text = office.staff.say("withdrawn", pseudonym=row.pseudonym)
    await office.post(db, row, text, dedup=key, now=now, reply_to=message.staff_message_id)
    return True


# --- What could not be delivered ----------------------------------------------------------------


async def not_delivered(db: AsyncSession, office: Office, message: CaseMessage, code: str, now: datetime) -> None:
    """Say in the counselors' chat that a relay failed: nobody may believe that they were heard when they were not."""
    row = await cases.lock_case(db, message.case_id)
    if row is None:
        return
    if message.kind == "out":
        await _not_delivered(
            db, office, row, message.staff_message_id, now, blocked=code == "blocked", key=f"case:msg:{message.id}:lost"
        )
    elif message.kind == "in":
        text = office.staff.say("not_relayed", pseudonym=row.pseudonym, number=row.id)
        await office.post(db, row, text, dedup=f"case:msg:{message.id}:lost", now=now)


async def _not_delivered(
    db: AsyncSession, office: Office, row: Case, reply_to: int | None, now: datetime, *, blocked: bool, key: str
) -> None:
    text = office.staff.say(
        "not_delivered_blocked" if blocked else "not_delivered", pseudonym=row.pseudonym, number=row.id
    )
    await office.post(db, row, text, dedup=key, now=now, reply_to=reply_to)


def human_answers(row: Case, level: int, categories: Sequence[str], now: datetime) -> bool:
    """Return whether a counselor is in the middle of talking about a danger of this kind and level.

    Not so before the counselor's first word, nor when the person has waited for an answer for a while, nor for a
    higher level or another danger than the case is about: then the crisis reply says what to do now.
    """
    facts = cases.facts_of(row)
    if facts.state is not CaseState.TALKING or row.person_ended_at is not None:
        return False
    if facts.awaiting_since is not None and now - facts.awaiting_since > ANSWERS_WITHIN:
        return False
    return level < facts.level or (level == facts.level and set(categories) <= set(facts.categories))


def speaks(row: Case | None) -> bool:
    """Return whether humans do the talking in a case now, so that the bot keeps quiet and relays."""
    if row is None or row.person_ended_at is not None:
        return False
    return row.hold_until is not None if row.state == CaseState.OPEN.value else True
