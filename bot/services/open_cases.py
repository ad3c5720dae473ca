"""Opens, raises and reopens cases: a risk the screen saw, or a person's wish for a human."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff import case, paging
from bot.handoff.case import TAKEN, CaseKind, CaseState
from bot.handoff.queue import position
from bot.ports import Lane
from bot.services.cards import mark, redraw_card
from bot.services.cleaning import cut_middle
from bot.services.office import Office
from bot.services.page_counselors import page_first, tell_called
from bot.store import cases, counselors
from bot.store.cases import CardContent
from bot.store.handoff_models import Case
from bot.store.models import Person
from bot.store.utterances import last_said

log = structlog.get_logger()

HISTORY_LENGTH = 4
SAME_ALARM_SPAN = timedelta(minutes=10)
"""Within this time more of the same danger is marked in the conversation; later it calls by name again."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a human is needed."""

    kind: CaseKind
    level: int
    categories: Sequence[str] = ()
    words: str = ""
    evidence: Sequence[str] = ()
    rung: str | None = None


async def need_human(db: AsyncSession, office: Office, person: Person, cause: Cause, now: datetime) -> Case:
    """Bring a cause to the counselors: into the person's active case, a case just closed, or a new one."""
    # Two gateways may see two causes of one person at the same moment: the second waits here.
    await db.execute(select(Person.id).where(Person.id == person.id).with_for_update())
    row = await cases.lock_active(db, person.id)
    if row is not None:
        await _merge(db, office, row, person, cause, now)
        return row
    closed = await cases.lock_newest_closed(db, person.id)
    if closed is not None and case.may_reopen(cases.facts_of(closed), now):
        return await _reopen(db, office, closed, person, cause, now)
    return await _open(db, office, person, cause, now)


async def _open(db: AsyncSession, office: Office, person: Person, cause: Cause, now: datetime) -> Case:
    facts = case.open_case(
        kind=cause.kind, level=cause.level, categories=cause.categories, now=now, deadlines=office.deadlines
    )
    row = Case(person_id=person.id, pseudonym=person.pseudonym, role=person.role, language=person.language)
    cases.store_facts(row, facts)
    row.topic_count = 0
    row.raised_at = now if cause.kind is CaseKind.RISK else None
    await _fill_card(db, row, person, cause)
    db.add(row)
    await db.flush()
    event = await cases.add_event(db, row.id, "opened", now, detail=cause.words)
    key = f"case:{row.id}:opened:{event.id}"
    await page_first(db, office, row, now, key=key)
    await tell_called(db, office, row, person, now, key=f"{key}:p")
    log.info("escalation.opened", case_id=row.id, risk_level=row.level, categories=list(cause.categories))
    return row


async def _reopen(db: AsyncSession, office: Office, row: Case, person: Person, cause: Cause, now: datetime) -> Case:
    facts = case.reopen_case(
        cases.facts_of(row), level=cause.level, categories=cause.categories, now=now, deadlines=office.deadlines
    )
    if cause.kind is CaseKind.REQUEST:
        facts = replace(facts, kind=CaseKind.REQUEST)
    cases.store_facts(row, facts)
    row.person_ended_at, row.person_blocked_at, row.check_in_at, row.held_at = None, None, None, None
    row.raised_at = now if cause.kind is CaseKind.RISK else None
    row.role, row.language, row.pseudonym = person.role, person.language, person.pseudonym
    await _fill_card(db, row, person, cause)
    event = await cases.add_event(db, row.id, "reopened", now, detail=cause.words)
    key = f"case:{row.id}:reopened:{event.id}"
    note = office.staff.say("page_reopened", number=row.id, pseudonym=row.pseudonym)
    if cause.kind is CaseKind.REQUEST:
        note = office.staff.say("asked_again", number=row.id, pseudonym=row.pseudonym)
    await page_first(db, office, row, now, key=key, note=note)
    await tell_called(db, office, row, person, now, key=f"{key}:p")
    log.info("escalation.reopened", case_id=row.id, risk_level=row.level)
    return row


async def _merge(db: AsyncSession, office: Office, row: Case, person: Person, cause: Cause, now: datetime) -> None:
    risk = cause.kind is CaseKind.RISK
    raised = case.raise_case(
        cases.facts_of(row),
        level=cause.level,
        categories=cause.categories,
        now=now,
        deadlines=office.deadlines,
        risk=risk,
    )
    facts = raised.facts
    if risk and facts.state in TAKEN:
        facts = case.person_spoke(facts, now)  # the counselor who has the case owes a word: the reminders run
    cases.store_facts(row, facts)
    ended = row.person_ended_at is not None
    row.person_ended_at, row.person_blocked_at = None, None
    if not risk:
        await _ask_again(db, office, row, person, now, ended=ended)
        return
    lately = row.raised_at is not None and now - row.raised_at < SAME_ALARM_SPAN
    row.raised_at = now
    await _fill_card(db, row, person, cause, merged=True)
    event = await cases.add_event(db, row.id, "raised", now, detail=cause.words)
    key = f"case:{row.id}:raised:{event.id}"
    note = _raised_note(office, row, cause)
    # Every risky utterance is shown at once, in the topic as well as where everybody looks while nobody has the case.
    if raised.page_now:
        await page_first(db, office, row, now, key=key, note=note)
    elif lately and not raised.higher:
        quiet = office.staff.say("from_person_risky", pseudonym=row.pseudonym, text=cut_middle(cause.words, 3000))
        await office.post(db, row, quiet, dedup=key, now=now, lane=Lane.PRIORITY, kind="in")
    else:
        taken = CaseState(row.state) in TAKEN
        names = []
        if taken:
            holder = await counselors.get_counselor(db, row.counselor_id)
            names = await office.names(db, [holder] if holder else [])
            note = f"{note.replace('{names}', '{ names}')}\n{{names}}" if names else note
        await office.post(db, row, note, dedup=key, now=now, lane=Lane.PRIORITY, mentions=names, kind="in")
        if raised.higher:
            await redraw_card(db, office, row, dedup=f"{key}:card", now=now)
    log.info("escalation.raised", case_id=row.id, risk_level=row.level, categories=list(cause.categories))


def _raised_note(office: Office, row: Case, cause: Cause) -> str:
    labels = ", ".join(office.staff.label("category", name) for name in cause.categories)
    note = office.staff.say(
        "raised",
        mark=mark(cause.level),
        pseudonym=row.pseudonym,
        number=row.id,
        level=cause.level,
        categories=labels or office.staff.say("no_category"),
        words=cut_middle(cause.words, 1500),
    )
    if cause.evidence:
        evidence = cut_middle("; ".join(cause.evidence), 300)
        note = f"{note}\n{office.staff.say('raised_evidence', evidence=evidence)}"
    return note


async def _ask_again(
    db: AsyncSession, office: Office, row: Case, person: Person, now: datetime, *, ended: bool
) -> None:
    """A person with an active case asks for a human: tell them how things stand, and the counselor that they asked."""
    event = await cases.add_event(db, row.id, "asked_again", now)
    key = f"case:{row.id}:asked:{event.id}"
    if CaseState(row.state) in TAKEN:
        name = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
        cases.store_facts(row, case.person_spoke(cases.facts_of(row), now))
        said = "back_again" if ended else "connected_already"
        await office.tell(db, person, said, dedup=f"{key}:p", now=now, name=name)
        if ended:
            text = office.staff.say("asked_again", number=row.id, pseudonym=row.pseudonym)
            await office.post(db, row, text, dedup=key, now=now, lane=Lane.PRIORITY)
    elif row.level >= paging.URGENT:
        buttons = office.calming_buttons(person)
        await office.tell(db, person, "called_already", dedup=f"{key}:p", now=now, buttons=buttons)
    else:
        place = position(await cases.waiting(db), row.id) or 1
        buttons = [office.button(person, "cancel", "h:cancel")]
        await office.tell(db, person, "queued_already", dedup=f"{key}:p", now=now, buttons=buttons, position=place)


async def _fill_card(db: AsyncSession, row: Case, person: Person, cause: Cause, *, merged: bool = False) -> None:
    card = cases.open_card(db, row) if row.card_enc is not None else CardContent()
    said = await last_said(db, person.id, limit=HISTORY_LENGTH + 4)
    history = [(item.direction, item.text) for item in said]
    if ("in", cause.words) in history:
        # The utterance itself stands above, and what the bot said to it is no news.
        history = history[: len(history) - 1 - history[::-1].index(("in", cause.words))]
    cases.seal_card(
        db,
        row,
        CardContent(
            utterances=(*card.utterances, cause.words) if cause.words else card.utterances,
            evidence=(*card.evidence, *cause.evidence),
            history=card.history if merged else tuple(history[-HISTORY_LENGTH:]),
            rung=cause.rung or card.rung,
        ),
    )

