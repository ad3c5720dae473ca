"""Everything that happens in the counselors' group: who acts, buttons, commands, and words for a person.

Strangers are refused, whatever they do; what they say is never relayed. Commands are in `staff_commands.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import TAKEN, CaseKind, CaseState, Outcome
from bot.handoff.errors import IllegalStepError
from bot.handoff.paging import URGENT
from bot.ports import ChatKind, Incoming, Lane, Sender, UpdateKind
from bot.services import case_steps, relay
from bot.services.office import FORUM, Office
from bot.services.outgoing import say
from bot.services.page_counselors import put_back
from bot.services.roster import identify, register
from bot.services.staff_commands import COMMANDS, Order
from bot.store import cases, counselors, kv
from bot.store.handoff_models import Case, Counselor

log = structlog.get_logger()

ANONYMOUS_ADMIN = 1087968824
"""Telegram's @GroupAnonymousBot, sender of what anonymous admins write. Source: Bot API, Message.sender_chat."""

PRIVATE_NOTE_MARK = "."


def is_registration(update: Incoming) -> bool:
    """Return whether somebody registers as a counselor in the bot's private chat."""
    first = update.text.split(maxsplit=1)[0].split("@")[0].lower() if update.text.strip() else ""
    return update.chat_kind is ChatKind.PRIVATE and update.kind is UpdateKind.UTTERANCE and first == "/daftar"


async def handle(db: AsyncSession, office: Office, update: Incoming, now: datetime) -> str | None:
    """Act on an update of the counselors' chat. Returns a notice for the tapped button."""
    if update.chat_kind is ChatKind.PRIVATE:
        await _register(db, office, update, now)
        return None
    if update.migrated_to is not None or update.kind is UpdateKind.OTHER:
        return None  # the ticker posts open cases into the new group
    await _note_forum(db, update, now)
    if update.kind is UpdateKind.SERVICE:
        await _members(db, office, update, now)
        return None
    sender = update.sender
    if update.kind is UpdateKind.MEMBERSHIP or sender is None:
        return None
    if sender.user_id == ANONYMOUS_ADMIN or sender.is_bot:
        return await _refuse(db, office, update, now, "anonymous")
    if _command(update) == "daftar":
        await _register(db, office, update, now)
        return None
    who = await identify(db, sender, now)
    if who is None:
        return await _stranger(db, office, update, sender, now)
    if update.kind is UpdateKind.BUTTON:
        return await _tap(db, office, update, who, now)
    if update.kind is UpdateKind.EDIT:
        await relay.edit_answer(db, office, who, update, now)
        return None
    if _command(update) is not None:
        await _run_command(db, office, update, who, now)
        return None
    await _talk(db, office, update, who, now)
    return None


def _command(update: Incoming) -> str | None:
    if update.kind is not UpdateKind.UTTERANCE or not update.text.startswith("/") or len(update.text) < 2:
        return None
    return update.text[1:].split(maxsplit=1)[0].split("@")[0].lower()


# --- Who acts -----------------------------------------------------------------------------------


async def _note_forum(db: AsyncSession, update: Incoming, now: datetime) -> None:
    """Learn whether the group has topics, and try again once the bot was made an admin."""
    known = await kv.get_value(db, FORUM)
    if update.kind is UpdateKind.MEMBERSHIP:
        if update.member_status == "administrator" and known == "no_rights":
            await kv.set_value(db, FORUM, "unknown", now)
    elif update.is_forum and known == "0":
        await kv.set_value(db, FORUM, "1", now)


async def _members(db: AsyncSession, office: Office, update: Incoming, now: datetime) -> None:
    for member in update.members:
        who = await counselors.find_counselor(db, member.user_id)
        if who is None:
            continue
        name = counselors.name_of(db, who)
        key = f"u{update.update_id}:member:{who.id}"
        if update.service == "member_left" and who.left_at is None:
            who.left_at = now
            await db.flush()
            await office.post(db, None, office.staff.say("left_group", name=name), dedup=key, now=now)
            for listed in await cases.cases_of(db, who.id):
                row = await cases.lock_case(db, listed.id)
                if row is not None and row.counselor_id == who.id and CaseState(row.state) in TAKEN:
                    await put_back(db, office, row, now, reason=office.staff.say("reason_left", name=name))
        elif update.service == "members_joined" and who.left_at is not None:
            who.left_at = None
            await db.flush()
            await office.post(db, None, office.staff.say("came_back", name=name), dedup=key, now=now)


async def _register(db: AsyncSession, office: Office, update: Incoming, now: datetime) -> None:
    private = update.chat_kind is ChatKind.PRIVATE
    _, _, code = update.text.partition(" ")
    if update.sender is None:
        return
    if not code.strip():
        lines = [office.staff.say("code_how")]
    else:
        who = await register(db, update.sender, code, now, private=private)
        if who is None:
            lines = [office.staff.say("code_wrong")]
        else:
            key = "registered_supervisor" if who.is_supervisor else "registered"
            lines = [office.staff.say(key, name=counselors.name_of(db, who))]
            lines += [office.staff.say("registered_dm")] if private else []
            log.info("counselor.registered")
    await say(db, chat_id=update.chat_id, text="\n".join(lines), key=f"u{update.update_id}:register", now=now)


async def _stranger(
    db: AsyncSession, office: Office, update: Incoming, sender: Sender, now: datetime
) -> str | None:
    """Refuse. Plain talk among people is none of our business unless it stands where it would be relayed."""
    log.warning("staff.stranger", update_id=update.update_id, kind=update.kind.value)
    if update.kind is UpdateKind.BUTTON:
        return office.staff.say("stranger_notice")
    if _command(update) is None and await _addressed_case(db, update) is None:
        return None
    return await _refuse(db, office, update, now, "stranger", name=sender.name)


async def _refuse(db: AsyncSession, office: Office, update: Incoming, now: datetime, key: str, **values: object) -> str:
    text = office.staff.say(key, **values)
    if update.kind is not UpdateKind.BUTTON:
        sender = update.sender.user_id if update.sender else 0
        dedup = await office.hour_key(db, f"{key}:{sender}", now)
        await office.post(db, None, text, dedup=dedup, now=now, reply_to=update.message_id)
    return text


# --- Words --------------------------------------------------------------------------------------


async def _addressed_case(db: AsyncSession, update: Incoming) -> int | None:
    """Return the case of the topic or of the message that was answered."""
    if update.thread_id is not None:
        found = await cases.case_of_thread(db, update.thread_id)
        if found is not None:
            return found
    if update.reply_to_message_id is not None:
        return await cases.case_of_message(db, update.reply_to_message_id)
    return None


async def _talk(db: AsyncSession, office: Office, update: Incoming, who: Counselor, now: datetime) -> None:
    """Words in a case's topic, or in answer to one of its messages, go to the person; all else is team talk."""
    case_id = await _addressed_case(db, update)
    row = await cases.lock_case(db, case_id) if case_id is not None else None
    if row is None:
        return
    key = f"u{update.update_id}:staff"
    if update.text.startswith(PRIVATE_NOTE_MARK) and not update.attachment:
        note = update.text.removeprefix(PRIVATE_NOTE_MARK).strip()
        if note:
            await cases.add_event(db, row.id, "note", now, counselor_id=who.id, detail=note)
        return
    if row.state == CaseState.CLOSED.value:
        text = office.staff.say("not_sent_closed", number=row.id)
    elif row.counselor_id == who.id:
        await relay.answer(db, office, row, who, update, now)
        return
    elif row.state == CaseState.OPEN.value:
        text = office.staff.say("not_sent_open", number=row.id)
    else:
        name = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
        text = office.staff.say("not_sent_taken", number=row.id, name=name)
    await office.post(db, row, text, dedup=key, now=now, reply_to=update.message_id)


async def _run_command(db: AsyncSession, office: Office, update: Incoming, who: Counselor, now: datetime) -> None:
    name = _command(update) or ""
    words = update.text.split(maxsplit=1)[1].strip() if len(update.text.split(maxsplit=1)) > 1 else ""
    order = Order(db, office, update, who, now, words, await _addressed_case(db, update))
    handler = COMMANDS.get(name)
    if handler is None:
        await order.reply(office.staff.say("unknown_command"))
        return
    try:
        await handler(order)
    except IllegalStepError:
        await order.reply(office.staff.say("notice_closed"))


# --- Buttons ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Press:
    """A tapped button of a case, the row locked."""

    db: AsyncSession
    office: Office
    row: Case
    who: Counselor
    now: datetime
    key: str
    argument: str

    def say(self, key: str, **values: object) -> str:
        return self.office.staff.say(key, **values)

    async def holder(self) -> str:
        return counselors.name_of(self.db, await counselors.get_counselor(self.db, self.row.counselor_id))


async def _tap(db: AsyncSession, office: Office, update: Incoming, who: Counselor, now: datetime) -> str:
    parts = (update.tap.data if update.tap else "").split(":")
    handler = _TAPS.get(parts[1]) if len(parts) in {3, 4} and parts[0] == "c" else None
    if handler is None or not parts[2].isdigit() or len(parts[2]) > 17:
        return office.staff.say("notice_too_old")
    row = await cases.lock_case(db, int(parts[2]))
    if row is None:
        return office.staff.say("notice_gone")
    press = _Press(db, office, row, who, now, f"u{update.update_id}:tap", parts[3] if len(parts) == 4 else "")
    return await handler(press)


async def _take(press: _Press) -> str:
    # Said first, so that the message to answer stays the last one in the chat.
    if press.who.registered_at is None:
        day = press.now.astimezone(press.office.zone).date().isoformat()
        text = press.say("unregistered_hint")
        dedup = f"staff:unregistered:{day}"
        await press.office.post(press.db, None, text, dedup=dedup, now=press.now, lane=Lane.PRIORITY)
    try:
        await case_steps.take(press.db, press.office, press.row, press.who, press.now)
    except IllegalStepError:
        if press.row.state == CaseState.CLOSED.value:
            return press.say("notice_closed")
        if press.row.counselor_id == press.who.id:
            return press.say("notice_yours_already")
        return press.say("notice_taken_by", name=await press.holder())
    return press.say("notice_taken")


async def _history(press: _Press) -> str:
    await case_steps.show_history(press.db, press.office, press.row, press.who, press.now, key=press.key)
    return press.say("notice_history")


async def _may_close(press: _Press) -> str | None:
    """Return why this counselor may not end the case, None where they may."""
    row = press.row
    if row.state == CaseState.CLOSED.value:
        return press.say("notice_closed")
    if row.counselor_id not in {None, press.who.id} and not press.who.is_supervisor:
        return press.say("notice_not_yours", name=await press.holder())
    return None


async def _close(press: _Press) -> str:
    refusal = await _may_close(press)
    if refusal is not None:
        return refusal
    row = press.row
    if row.state == CaseState.OPEN.value and row.kind == CaseKind.RISK.value and row.level >= URGENT:
        return press.say("notice_take_first")
    await case_steps.close(press.db, press.office, row, Outcome.DONE, press.now, who=press.who)
    return press.say("notice_closed_now")


async def _judge(press: _Press, verdict: str) -> str:
    if press.row.kind == CaseKind.REQUEST.value:
        return press.say("notice_too_old")
    await case_steps.judge(press.db, press.office, press.row, verdict, press.who, press.now)
    return press.say("notice_marked", verdict=press.say(f"verdict_{verdict}"))


async def _too_high(press: _Press) -> str:
    return await _judge(press, "too_high")


async def _too_low(press: _Press) -> str:
    return await _judge(press, "too_low")


async def _false_alarm(press: _Press) -> str:
    """Judge and end: whoever says that it is none has looked at it."""
    if press.row.state == CaseState.CLOSED.value:
        return await _judge(press, "false_alarm")
    refusal = await _may_close(press)
    if refusal is not None:
        return refusal
    notice = await _judge(press, "false_alarm")
    await case_steps.close(press.db, press.office, press.row, Outcome.FALSE_ALARM, press.now, who=press.who)
    return notice


async def _outcome(press: _Press) -> str:
    known = {Outcome.SAFE.value, Outcome.REFERRED.value, Outcome.NOT_REACHED.value}
    if press.argument not in known:
        return press.say("notice_too_old")
    outcome = Outcome(press.argument)
    if not await case_steps.set_outcome(press.db, press.row, outcome, press.who, press.now):
        return press.say("notice_too_old")
    return press.say("notice_outcome", outcome=press.office.staff.label("outcome", outcome.value))


_TAPS: dict[str, Callable[[_Press], Awaitable[str]]] = {
    "take": _take,
    "history": _history,
    "too_high": _too_high,
    "false_alarm": _false_alarm,
    "too_low": _too_low,
    "close": _close,
    "out": _outcome,
}
