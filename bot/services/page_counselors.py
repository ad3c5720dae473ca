"""Calls counselors for a case, again and wider until somebody takes it, and keeps the person told meanwhile.

`page_first` runs with the case's opening; the rest is called by the ticker. Deadlines are columns; a row is locked
while its deadline is acted upon, so that two gateways never act on it twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff import case, paging
from bot.handoff.case import CaseState
from bot.handoff.paging import Circle
from bot.handoff.queue import position
from bot.ports import Button, Lane, Language
from bot.services.cards import mark, post_card
from bot.services.office import Office
from bot.services.roster import Callees, callees, duty_at, say_when
from bot.services.topics import ask_for_topic, set_topic_open
from bot.store import cases, counselors, people
from bot.store.database import vault_of
from bot.store.handoff_models import Case
from bot.store.models import Person

log = structlog.get_logger()

LISTED = 10
"""Cases named in one combined page."""


async def page_first(
    db: AsyncSession, office: Office, row: Case, now: datetime, *, key: str, note: str | None = None
) -> None:
    """Post the card and call whoever must come. Never held back by any limit of ours.

    Args:
        key: Dedup key of what caused it.
        note: Stands above the names, for example why a case is there again.
    """
    called = await callees(db, office, row, now)
    chat_id = await office.staff_chat(db)
    row.staff_chat_key = vault_of(db).chat_key(chat_id) if chat_id is not None else None
    # What people typed may stand in the note; only the line below it has the place of the names.
    safe_note = note.replace("{names}", "{ names}") if note else None
    footer = "\n".join(part for part in (safe_note, _mention_line(office, called)) if part)
    names = await office.names(db, called.people)
    # In General, also where topics exist: the topic is a second away, and not everybody follows every topic.
    await post_card(db, office, row, dedup=f"{key}:card", now=now, footer=footer, mentions=names)
    await cases.add_event(db, row.id, "paged", now)
    for who in called.people if row.level >= paging.URGENT else []:
        await office.send_dm(db, who, row, dedup=f"{key}:dm:{who.id}", now=now)
    if row.thread_id is None:
        await ask_for_topic(db, office, row, now)
    else:
        await set_topic_open(db, office, row, dedup=f"{key}:topic", now=now, is_open=True)
        if note:
            await office.post(db, row, note, dedup=f"{key}:note", now=now)
    log.info("page.sent", case_id=row.id, risk_level=row.level, count=len(called.people))


def _mention_line(office: Office, called: Callees) -> str:
    if not called.people:
        return ""
    line = office.staff.say(f"mentions_{called.circle.value}", names="{names}")
    return f"{office.staff.say('nobody_on_call')}\n{line}" if called.nobody_on_call else line


async def page_again(db: AsyncSession, office: Office, now: datetime) -> None:
    """Repeat the pages that are due. Several at once become one message; a full minute's share waits for the next."""
    rows = await cases.lock_due(db, Case.next_page_at, now)
    if not rows:
        return
    if await cases.count_events(db, "paged_again", now - timedelta(minutes=1)) >= paging.REPAGES_PER_MINUTE:
        return  # still due: the next tick looks again
    for row in rows:
        cases.store_facts(row, case.note_page(cases.facts_of(row), now, office.deadlines))
    first = rows[0]
    event = await cases.add_event(db, first.id, "paged_again", now)
    for row in rows[1:]:
        await cases.add_event(db, row.id, "paged_along", now)
    widest = max([await callees(db, office, row, now) for row in rows], key=lambda c: list(Circle).index(c.circle))
    lines = [_page_line(office, row, now) for row in rows[:LISTED]]
    if len(rows) > 1:
        lines.insert(0, office.staff.say("page_many", total=len(rows)))
    else:
        lines = [
            office.staff.say(
                "page_again",
                mark=mark(first.level),
                pseudonym=first.pseudonym,
                number=first.id,
                level=first.level,
                waited=office.staff.waited(now - first.asked_at),
                count=first.page_count,
            )
        ]
    lines.append(_mention_line(office, widest))
    await office.post(
        db,
        first if len(rows) == 1 else None,
        "\n".join(line for line in lines if line),
        dedup=f"case:{first.id}:page:{event.id}",
        now=now,
        kind="page",
        buttons=_take_buttons(office, rows[:LISTED]),
        lane=Lane.PRIORITY,
        topic=False,
        mentions=await office.names(db, widest.people),
    )
    for row in rows:
        await _ring_wider(db, office, row, now)
    log.warning("page.repeated", case_id=first.id, count=len(rows), level=first.level)


async def _ring_wider(db: AsyncSession, office: Office, row: Case, now: datetime) -> None:
    """Ring privately whoever the circle has just come to include; those rung before are told by the dedup key."""
    called = await callees(db, office, row, now)
    if called.circle is Circle.ON_CALL:
        return
    for who in called.people:
        key = f"case:{row.id}:{int(row.opened_at.timestamp())}:{called.circle.value}:dm:{who.id}"
        await office.send_dm(db, who, row, dedup=key, now=now)


def _page_line(office: Office, row: Case, now: datetime) -> str:
    return office.staff.say(
        "page_line",
        mark=mark(row.level),
        pseudonym=row.pseudonym,
        number=row.id,
        level=row.level,
        waited=office.staff.waited(now - row.asked_at),
    )


def _take_buttons(office: Office, rows: list[Case]) -> list[Button]:
    if len(rows) == 1:
        return [Button(office.staff.say(f"button_{key}"), f"c:{key}:{rows[0].id}") for key in ("take", "history")]
    return [
        Button(office.staff.say("button_take_one", pseudonym=row.pseudonym), f"c:take:{row.id}") for row in rows
    ]


async def tell_slower(db: AsyncSession, office: Office, now: datetime) -> None:
    """Tell people that it takes longer than expected, less and less often, with the numbers that work now."""
    for row in await cases.lock_due(db, Case.next_tell_at, now):
        cases.store_facts(row, case.note_tell(cases.facts_of(row), now))
        event = await cases.add_event(db, row.id, "told_slower", now)
        person = await people.get_person(db, row.person_id)
        if person is None:
            continue
        key = f"case:{row.id}:tell:{event.id}"
        if row.level >= paging.URGENT:
            numbers = office.words.emergency_numbers(Language(person.language))
            await office.tell(
                db, person, "slower", dedup=key, now=now, buttons=office.calming_buttons(person), numbers=numbers
            )
        else:
            place = position(await cases.waiting(db), row.id) or 1
            buttons = [office.button(person, "cancel", "h:cancel")]
            await office.tell(db, person, "slower_request", dedup=key, now=now, buttons=buttons, position=place)


async def release_hold(db: AsyncSession, office: Office, now: datetime) -> None:
    """Let the bot answer again where nobody has come for an hour; the case stays open and is still paged."""
    for row in await cases.lock_due(db, Case.hold_until, now):
        row.hold_until = None
        if row.state != CaseState.OPEN.value:
            continue
        event = await cases.add_event(db, row.id, "bot_again", now)
        person = await people.get_person(db, row.person_id)
        await office.tell(db, person, "bot_again", dedup=f"case:{row.id}:bot:{event.id}", now=now)


async def remind_counselors(db: AsyncSession, office: Office, now: datetime) -> None:
    """Remind counselors of people who wait for their word; at last put the case back into the queue."""
    for row in await cases.lock_due(db, Case.next_remind_at, now):
        counselor = await counselors.get_counselor(db, row.counselor_id)
        name = counselors.name_of(db, counselor)
        if paging.must_release(row.level, row.remind_count):
            await put_back(db, office, row, now, reason=office.staff.say("reason_silent", name=name))
            continue
        waited = office.staff.waited(now - (row.awaiting_since or now))
        cases.store_facts(row, case.note_reminder(cases.facts_of(row)))
        event = await cases.add_event(db, row.id, "reminded", now, counselor_id=row.counselor_id)
        text = office.staff.say("remind", pseudonym=row.pseudonym, number=row.id, name="{names}", waited=waited)
        names = await office.names(db, [counselor] if counselor else [])
        await office.post(
            db, row, text, dedup=f"case:{row.id}:remind:{event.id}", now=now, lane=Lane.PRIORITY, mentions=names
        )


async def put_back(
    db: AsyncSession, office: Office, row: Case, now: datetime, *, reason: str, counselor_id: int | None = None
) -> None:
    """Put a taken case back into the queue, tell the person, and call everybody who is on call again."""
    former = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
    cases.store_facts(row, case.release_case(cases.facts_of(row), now, office.deadlines))
    event = await cases.add_event(db, row.id, "released", now, counselor_id=counselor_id, detail=former)
    key = f"case:{row.id}:released:{event.id}"
    person = await people.get_person(db, row.person_id)
    if row.person_ended_at is None:
        await office.tell(db, person, "counselor_away", dedup=f"{key}:p", now=now, name=former)
    note = office.staff.say("page_released", number=row.id, pseudonym=row.pseudonym, reason=reason)
    await page_first(db, office, row, now, key=key, note=note)
    log.warning("escalation.released", case_id=row.id, level=row.level)


async def check_in(db: AsyncSession, office: Office, now: datetime) -> None:
    """Ask people the day after an emergency how they are, unless they are being looked after, gone or blocked us."""
    for row in await cases.lock_due(db, Case.check_in_at, now, active=False):
        row.check_in_at = None
        person: Person | None = await people.get_person(db, row.person_id)
        if person is None or person.deleted_at is not None or await cases.find_active(db, person.id) is not None:
            continue
        event = await cases.add_event(db, row.id, "checked_in", now)
        await office.tell(
            db,
            person,
            "check_in_family" if row.role == "family" else "check_in",
            dedup=f"case:{row.id}:check_in:{event.id}",
            now=now,
            buttons=[
                office.button(person, "better", f"h:better:{row.id}"),
                office.button(person, "hard", f"h:hard:{row.id}"),
                office.button(person, "counselor", "k:counselor"),
            ],
            lane=Lane.ORDINARY,
        )


async def tell_called(db: AsyncSession, office: Office, row: Case, person: Person, now: datetime, *, key: str) -> None:
    """Tell the person honestly who was called and what usually happens next."""
    language = Language(person.language)
    numbers = office.words.emergency_numbers(language)
    if await office.staff_chat(db) is None:
        await office.tell(db, person, "no_counselors", dedup=key, now=now, numbers=numbers)
        return
    duty = await duty_at(db, now)
    request = row.level < paging.URGENT
    place = position(await cases.waiting(db), row.id) or 1
    buttons = [office.button(person, "cancel", "h:cancel")] if request else []
    if duty.nobody_answers_now and duty.next_at is not None:
        when = say_when(office, duty.next_at, now, language)
        if request:
            await office.tell(
                db, person, "queued_night", dedup=key, now=now, buttons=buttons, position=place, when=when,
                numbers=numbers,
            )  # fmt: skip
        else:
            await office.tell(
                db, person, "called_night", dedup=key, now=now, buttons=office.calming_buttons(person), when=when,
                numbers=numbers,
            )  # fmt: skip
    elif request:
        await office.tell(db, person, "queued", dedup=key, now=now, buttons=buttons, position=place)
    else:
        minutes = round(office.deadlines.respond_within(row.level) / timedelta(minutes=1))
        await office.tell(db, person, "called", dedup=key, now=now, minutes=minutes)
