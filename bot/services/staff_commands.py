"""What counselors can type in their group. Each command answers where it was asked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import TAKEN, CaseState
from bot.handoff.errors import ShiftSyntaxError
from bot.handoff.roster import ZONES, describe, parse_shifts
from bot.ports import Incoming, Language
from bot.services import case_steps, relay
from bot.services.cards import card_buttons, draw_card, mark
from bot.services.office import Office
from bot.services.page_counselors import put_back
from bot.services.roster import duty_at, say_when
from bot.services.statistics import period_figures
from bot.store import cases, counselors, people
from bot.store.database import vault_of
from bot.store.handoff_models import Case, Counselor

NUMBER = re.compile(r"^#?(\d{1,15})\b\s*")
LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Order:
    """One typed command.

    Attributes:
        words: What follows the command's name.
        addressed: The case of the topic it stands in, or of the message it answers.
    """

    db: AsyncSession
    office: Office
    update: Incoming
    who: Counselor
    now: datetime
    words: str
    addressed: int | None

    def say(self, key: str, **values: object) -> str:
        return self.office.staff.say(key, **values)

    @property
    def key(self) -> str:
        return f"u{self.update.update_id}:command"

    async def reply(self, text: str, row: Case | None = None) -> None:
        await self.office.post(
            self.db, row, text[:4000], dedup=self.key, now=self.now, reply_to=self.update.message_id
        )

    async def find_case(self, example: str) -> tuple[Case | None, str]:
        """Return the case meant, locked, and the words after its number. Answers by itself where there is none."""
        words = self.words
        found = NUMBER.match(words)
        number = self.addressed
        if found is not None:
            number, words = int(found.group(1)), words[found.end() :]
        if number is None:
            own = [row for row in await cases.cases_of(self.db, self.who.id) if row.state in {s.value for s in TAKEN}]
            number = own[0].id if len(own) == 1 else None
        if number is None:
            await self.reply(self.say("which_case", example=example))
            return None, words
        row = await cases.lock_case(self.db, number)
        if row is None:
            await self.reply(self.say("no_such_case", number=number))
        return row, words


async def _help(order: Order) -> None:
    await order.reply(order.say("help"))


async def _queue(order: Order) -> None:
    rows = await cases.active_cases(order.db)
    if not rows:
        await order.reply(order.say("queue_empty"))
        return
    free = [row for row in rows if row.state == CaseState.OPEN.value]
    lines = [order.say("queue_head", waiting=len(free), taken=len(rows) - len(free))]
    for row in [*free, *[row for row in rows if row not in free]][:40]:
        holder = await counselors.get_counselor(order.db, row.counselor_id)
        lines.append(
            order.say(
                "queue_line",
                mark=mark(row.level),
                number=row.id,
                pseudonym=row.pseudonym,
                level=row.level,
                waited=order.office.staff.waited(order.now - row.asked_at),
                status=counselors.name_of(order.db, holder) or order.say("queue_waiting"),
            )
        )
    await order.reply("\n".join(lines))


async def _show_case(order: Order) -> None:
    row, _ = await order.find_case("/kasus 12")
    if row is None:
        return
    await cases.add_event(order.db, row.id, "case_viewed", order.now, counselor_id=order.who.id)
    text = await draw_card(order.db, order.office, row, order.now)
    notes = await _notes(order, row)
    if notes:
        text = f"{text}\n\n{order.say('notes_head', number=row.id, pseudonym=row.pseudonym)}\n{notes}"
    await order.office.post(
        order.db,
        row,
        text[:4000],
        dedup=order.key,
        now=order.now,
        buttons=card_buttons(order.office, row),
        reply_to=order.update.message_id,
    )


async def _notes(order: Order, row: Case) -> str:
    lines = []
    for event in await cases.events_of(order.db, row.id, ["note"]):
        if event.detail_enc is None:
            continue
        name = counselors.name_of(order.db, await counselors.get_counselor(order.db, event.counselor_id))
        text = vault_of(order.db).open(event.detail_enc)
        lines.append(order.say("note_line", time=order.office.moment(event.created_at), name=name, text=text[:500]))
    return "\n".join(lines[-20:])


async def _note(order: Order) -> None:
    row, words = await order.find_case("/catatan 12 …")
    if row is None:
        return
    if not words:
        await cases.add_event(order.db, row.id, "notes_viewed", order.now, counselor_id=order.who.id)
        notes = await _notes(order, row)
        head = order.say("notes_head", number=row.id, pseudonym=row.pseudonym)
        how = order.say("note_how")
        await order.reply(f"{head}\n{notes}" if notes else f"{order.say('notes_none', number=row.id)} {how}", row)
        return
    await cases.add_event(order.db, row.id, "note", order.now, counselor_id=order.who.id, detail=words[:3000])
    await order.reply(order.say("note_saved", number=row.id), row)


async def _canned(order: Order) -> None:
    language = Language.INDONESIAN
    known = _canned_numbers(order)
    number = order.words.strip().lstrip("#")
    if not number:
        lines = [
            order.say("canned_line", number=n, text=order.office.texts.say(f"canned_{n}", language)) for n in known
        ]
        await order.reply("\n".join([order.say("canned_head"), *lines]))
        return
    if not number.isdigit() or int(number) not in known:
        await order.reply(order.say("canned_none", number=number[:10]))
        return
    row = await cases.lock_case(order.db, order.addressed) if order.addressed is not None else None
    if row is None:
        await order.reply(order.say("which_case", example="/balas 1"))
        return
    if row.counselor_id != order.who.id or CaseState(row.state) not in TAKEN:
        closed = row.state == CaseState.CLOSED.value
        await order.reply(order.say("not_sent_closed" if closed else "not_sent_open", number=row.id), row)
        return
    person = await people.get_person(order.db, row.person_id)
    if person is None or person.blocked_at is not None:
        await order.reply(order.say("not_delivered_blocked", pseudonym=row.pseudonym, number=row.id), row)
        return
    words = order.office.texts.say(f"canned_{int(number)}", Language(person.language))
    message = await cases.add_message(
        order.db, row.id, "out", order.now, staff_message_id=order.update.message_id
    )
    name = counselors.name_of(order.db, order.who)
    text = await relay.say_as_counselor(
        order.db, order.office, person, name, words, key=f"{order.key}:p", now=order.now, ref=f"case:{message.id}"
    )
    await relay.counselor_said(order.db, row, person, order.who, text, order.now)


def _canned_numbers(order: Order) -> list[int]:
    keys = order.office.texts.keys()
    found = (re.fullmatch(r"canned_(\d+)", key) for key in keys)
    return sorted(int(match.group(1)) for match in found if match)


async def _withdraw(order: Order) -> None:
    reply_to = order.update.reply_to_message_id
    message = await cases.message_from_counselor(order.db, reply_to) if reply_to is not None else None
    row = await cases.lock_case(order.db, message.case_id) if message is not None else None
    done = (
        row is not None
        and message is not None
        and await relay.withdraw(order.db, order.office, row, message, order.who, order.now, key=order.key)
    )
    if not done:
        await order.reply(order.say("withdraw_how"))


async def _hand_over(order: Order) -> None:
    row, words = await order.find_case("/serahkan 12 Budi")
    if row is None:
        return
    if CaseState(row.state) not in TAKEN:
        refusal = "not_sent_open" if row.state == CaseState.OPEN.value else "not_sent_closed"
        await order.reply(order.say(refusal, number=row.id))
        return
    if row.counselor_id != order.who.id and not order.who.is_supervisor:
        name = counselors.name_of(order.db, await counselors.get_counselor(order.db, row.counselor_id))
        await order.reply(order.say("notice_not_yours", name=name), row)
        return
    own = counselors.name_of(order.db, order.who)
    if not words:
        reason = order.say("reason_given_back", name=own)
        await put_back(order.db, order.office, row, order.now, reason=reason, counselor_id=order.who.id)
        return
    taker = await _colleague(order, words, other_than=row.counselor_id)
    if taker is not None:
        giver = await counselors.get_counselor(order.db, row.counselor_id) or order.who
        await case_steps.hand_over(order.db, order.office, row, giver, taker, order.now)


async def _colleague(order: Order, words: str, *, other_than: int | None) -> Counselor | None:
    """Return the one colleague meant by a name or a part of it. Answers by itself where there is not exactly one."""
    wanted = words.strip().lstrip("@").lower()
    named = [(counselors.name_of(order.db, who), who) for who in await counselors.working(order.db)]
    others = [(name, who) for name, who in named if who.id != other_than]
    exact = [who for name, who in others if name.lower() == wanted]
    alike = exact or [who for name, who in others if wanted in name.lower()]
    if len(alike) == 1:
        return alike[0]
    names = ", ".join(name for name, who in others if not alike or who in alike) or "-"
    await order.reply(order.say("hand_several" if alike else "hand_to_whom", name=words[:60], names=names))
    return None


async def _duty(order: Order) -> None:
    verb, _, rest = order.words.partition(" ")
    if verb.lower() in {"tambah", "add"}:
        await _add_duty(order, rest)
    elif verb.lower() in {"hapus", "delete"}:
        await _delete_duty(order, rest.strip())
    else:
        await _show_duty(order)


async def _show_duty(order: Order) -> None:
    shifts = await counselors.list_shifts(order.db)
    if not shifts:
        await order.reply(order.say("duty_empty"))
        return
    duty = await duty_at(order.db, order.now)
    if duty.people:
        lines = [order.say("duty_now", names=", ".join(counselors.name_of(order.db, who) for who in duty.people))]
    else:
        when = say_when(order.office, duty.next_at or order.now, order.now, Language.INDONESIAN)
        lines = [order.say("duty_nobody", when=when)]
    lines.append(order.say("duty_week"))
    for shift_id, shift in shifts:
        name = counselors.name_of(order.db, await counselors.get_counselor(order.db, shift.counselor_id))
        lines.append(order.say("duty_line", id=shift_id, shift=describe(shift), name=name))
    await order.reply("\n".join(lines))


async def _add_duty(order: Order, rest: str) -> None:
    """Add shifts: one's own, or as a supervisor a colleague's with `untuk NAME` at the end."""
    text, _, name = rest.partition(" untuk ")
    who: Counselor | None = order.who
    if name.strip():
        if not order.who.is_supervisor:
            await order.reply(order.say("duty_no_such", id="-"))
            return
        who = await _colleague(order, name, other_than=None)
    if who is None:
        return
    zone = order.office.zone.key if order.office.zone.key in ZONES.values() else "Asia/Jakarta"
    try:
        shifts = parse_shifts(text.split(), counselor_id=who.id, default_zone=zone)
    except ShiftSyntaxError as exc:
        await order.reply(order.say("duty_how", part=exc.part[:60]))
        return
    added = [shift for shift in shifts if await counselors.add_shift(order.db, shift)]
    if not added:
        await order.reply(order.say("duty_same"))
        return
    await order.reply(order.say("duty_added", shifts=", ".join(describe(shift) for shift in added)))


async def _delete_duty(order: Order, number: str) -> None:
    shift = await counselors.get_shift(order.db, int(number)) if number.isdigit() and len(number) < 16 else None
    if shift is None or (shift.counselor_id != order.who.id and not order.who.is_supervisor):
        await order.reply(order.say("duty_no_such", id=number[:16] or "-"))
        return
    await counselors.delete_shift(order.db, shift.id)
    await order.reply(order.say("duty_deleted", id=number))


async def _figures(order: Order) -> None:
    days = int(order.words) if order.words.isdigit() and 0 < int(order.words[:6]) <= LONGEST_DAYS else 7
    report = await period_figures(order.db, order.office, order.now, days=days)
    await order.reply(report.text)


COMMANDS: dict[str, Callable[[Order], Awaitable[None]]] = {
    "antrean": _queue,
    "kasus": _show_case,
    "catatan": _note,
    "balas": _canned,
    "tarik": _withdraw,
    "serahkan": _hand_over,
    "jaga": _duty,
    "statistik": _figures,
    "bantuan": _help,
    "help": _help,
    "start": _help,
}
