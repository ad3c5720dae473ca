"""What counselors do to a case: take, hand over, close, judge, each stored with everything that follows from it.

The row must be locked by the caller; a step its state does not allow raises `IllegalStepError` and changes nothing.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff import case, paging
from bot.handoff.case import CaseState, Outcome
from bot.ports import Button, Lane
from bot.services.cards import redraw_card
from bot.services.office import Office
from bot.services.page_counselors import page_first
from bot.services.topics import set_topic_open
from bot.store import cases, counselors, people
from bot.store.database import vault_of
from bot.store.handoff_models import Case, CaseEvent, Counselor, RiskMark
from bot.store.models import Person
from bot.store.rows import insert_once
from bot.store.utterances import last_said

log = structlog.get_logger()

VERDICTS = ("too_high", "false_alarm", "too_low")
HISTORY_LENGTH = 20


async def take(db: AsyncSession, office: Office, row: Case, who: Counselor, now: datetime) -> None:
    """A counselor takes an open case; the person is told who is there."""
    cases.store_facts(row, case.take_case(cases.facts_of(row), counselor_id=who.id, now=now))
    row.person_ended_at = None
    event = await cases.add_event(db, row.id, "taken", now, counselor_id=who.id)
    key = f"case:{row.id}:taken:{event.id}"
    name = counselors.name_of(db, who)
    person = await people.get_person(db, row.person_id)
    buttons = [office.button(person, "end", "h:end")] if person else []
    await office.tell(db, person, "joined", dedup=f"{key}:p", now=now, buttons=buttons, name=name)
    text = office.staff.say("taken", name=name, pseudonym=row.pseudonym, number=row.id)
    how = office.staff.say("taken_topic" if row.thread_id else "taken_reply", pseudonym=row.pseudonym)
    await office.post(db, row, f"{text}\n{how}", dedup=key, now=now, lane=Lane.PRIORITY)
    await redraw_card(db, office, row, dedup=f"{key}:card", now=now)
    log.info("page.acknowledged", case_id=row.id, level=row.level, waiting_s=(now - row.asked_at).total_seconds())


async def hand_over(
    db: AsyncSession, office: Office, row: Case, giver: Counselor, taker: Counselor, now: datetime
) -> None:
    """Give a taken case to a colleague."""
    cases.store_facts(row, case.hand_over(cases.facts_of(row), counselor_id=taker.id, now=now))
    former, name = counselors.name_of(db, giver), counselors.name_of(db, taker)
    event = await cases.add_event(db, row.id, "handed_over", now, counselor_id=giver.id, detail=name)
    key = f"case:{row.id}:handed:{event.id}"
    person = await people.get_person(db, row.person_id)
    await office.tell(db, person, "handed_over", dedup=f"{key}:p", now=now, former=former, name=name)
    text = office.staff.say("handed", former=former, pseudonym=row.pseudonym, number=row.id, name="{names}")
    names = await office.names(db, [taker])
    await office.post(db, row, text, dedup=key, now=now, lane=Lane.PRIORITY, mentions=names)
    await office.send_dm(db, taker, row, dedup=f"{key}:dm", now=now)
    await redraw_card(db, office, row, dedup=f"{key}:card", now=now)


async def close(
    db: AsyncSession, office: Office, row: Case, outcome: Outcome, now: datetime, *, who: Counselor | None = None
) -> None:
    """End a case: the person hears that the bot speaks again, the topic is closed, a check-in is planned."""
    held_by = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
    talked = row.first_word_at is not None
    silent = row.person_ended_at is not None  # the person has ended it and was told so then
    cases.store_facts(row, case.close_case(cases.facts_of(row), outcome=outcome, now=now))
    event = await cases.add_event(
        db, row.id, "closed", now, counselor_id=who.id if who else None, detail=outcome.value
    )
    key = f"case:{row.id}:closed:{event.id}"
    person = await people.get_person(db, row.person_id)
    if who is not None and not silent:
        if outcome is Outcome.FALSE_ALARM:
            await office.tell(db, person, "ended_false_alarm", dedup=f"{key}:p", now=now)
        elif talked or held_by:
            await office.tell(db, person, "ended", dedup=f"{key}:p", now=now, name=held_by)
        else:
            await office.tell(db, person, "ended_untaken", dedup=f"{key}:p", now=now)
    if case.needs_check_in(cases.facts_of(row)) and person is not None and person.deleted_at is None:
        row.check_in_at = paging.check_in_at(now, office.zone)
    if who is not None:
        text = office.staff.say(
            "closed",
            number=row.id,
            pseudonym=row.pseudonym,
            name=counselors.name_of(db, who),
            outcome=office.staff.label("outcome", outcome.value),
        )
        buttons: list[list[Button]] = []
        if outcome is Outcome.DONE:
            text = f"{text}\n{office.staff.say('closed_ask')}"
            known = (Outcome.SAFE, Outcome.REFERRED, Outcome.NOT_REACHED)
            buttons = [[Button(office.staff.say(f"button_out_{o.value}"), f"c:out:{row.id}:{o.value}") for o in known]]
        await office.post(db, row, text, dedup=key, now=now, buttons=buttons)
    await redraw_card(db, office, row, dedup=f"{key}:card", now=now)
    await set_topic_open(db, office, row, dedup=f"{key}:topic", now=now, is_open=False)
    if person is not None and person.deleted_at is not None:
        await _forget_after_closing(db, row, person)
    log.info("escalation.closed", case_id=row.id, level=row.level, reason=outcome.value)


async def _forget_after_closing(db: AsyncSession, row: Case, person: Person) -> None:
    """The person had asked to be deleted while the case was open: delete what was kept for their safety.

    The case's row stays until the retention time for the figures; it names nobody any more.
    """
    row.card_enc, row.pseudonym = None, "-"
    await db.execute(delete(CaseEvent).where(CaseEvent.case_id == row.id, CaseEvent.detail_enc.is_not(None)))
    await db.flush()
    await db.delete(person)
    await db.flush()


async def set_outcome(db: AsyncSession, row: Case, outcome: Outcome, who: Counselor, now: datetime) -> bool:
    """Note how a closed case really ended. Returns False where it is not closed."""
    if row.state != CaseState.CLOSED.value:
        return False
    row.outcome = outcome.value
    await cases.add_event(db, row.id, "outcome", now, counselor_id=who.id, detail=outcome.value)
    return True


async def judge(db: AsyncSession, office: Office, row: Case, verdict: str, who: Counselor, now: datetime) -> None:
    """Note what a counselor thinks of the screen's level, for those who improve it; the newest verdict counts.

    "Too low" raises an active case to level 3 and calls again.
    """
    card = cases.open_card(db, row)
    vault = vault_of(db)
    await db.execute(delete(RiskMark).where(RiskMark.case_id == row.id))
    values = {
        "case_id": row.id,
        "verdict": verdict,
        "level": row.level,
        "categories": row.categories,
        "language": row.language,
        "role": row.role,
        "utterance_enc": vault.seal(card.utterances[-1] if card.utterances else ""),
        "evidence_enc": vault.seal_json(list(card.evidence)),
        "created_at": now,
    }
    await insert_once(db, RiskMark, values, unique=["case_id"])
    event = await cases.add_event(db, row.id, "judged", now, counselor_id=who.id, detail=verdict)
    if verdict != "too_low" or row.level >= paging.EMERGENCY or row.state == CaseState.CLOSED.value:
        return
    raised = case.raise_case(
        cases.facts_of(row), level=paging.EMERGENCY, categories=(), now=now, deadlines=office.deadlines
    )
    cases.store_facts(row, raised.facts)
    note = office.staff.say(
        "level_raised", name=counselors.name_of(db, who), pseudonym=row.pseudonym, number=row.id
    )
    key = f"case:{row.id}:raised:{event.id}"
    if raised.page_now:
        await page_first(db, office, row, now, key=key, note=note)
    else:
        await office.post(db, row, note, dedup=key, now=now, lane=Lane.PRIORITY)
        await redraw_card(db, office, row, dedup=f"{key}:card", now=now)


async def show_history(
    db: AsyncSession, office: Office, row: Case, who: Counselor, now: datetime, *, key: str
) -> None:
    """Send the person's last messages, and note who has seen them."""
    await cases.add_event(db, row.id, "history_viewed", now, counselor_id=who.id)
    said = await last_said(db, row.person_id, limit=HISTORY_LENGTH)
    lines = [
        f"{'›' if item.direction == 'in' else '‹'} {office.moment(item.created_at)}  {item.text[:600]}" for item in said
    ]
    kept: list[str] = []
    for line in reversed(lines):  # the newest that fit one message: a group takes twenty a minute
        if sum(len(k) + 1 for k in kept) + len(line) > 3300:
            break
        kept.insert(0, line)
    head = office.staff.say(
        "history_head", pseudonym=row.pseudonym, number=row.id, name=counselors.name_of(db, who)
    )
    body = "\n".join(kept) or office.staff.say("history_none")
    await office.post(db, row, f"{head}\n{body}", dedup=key, now=now)

