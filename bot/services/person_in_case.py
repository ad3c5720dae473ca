"""What a person can do in their own case: end it, leave the queue, look at the safety plan, answer the check-in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff import paging
from bot.handoff.case import TAKEN, CaseKind, CaseState, Outcome
from bot.ports import Incoming, Lane, Language
from bot.services import case_steps
from bot.services.office import Office
from bot.services.open_cases import Cause, need_human
from bot.store import cases, counselors
from bot.store.handoff_models import Case
from bot.store.models import Person

END_COMMANDS = frozenset({"/selesai", "/end", "/stop"})


def wants_to_end(update: Incoming) -> bool:
    """Return whether the person typed the command that ends a conversation with a counselor."""
    return update.text.split("@")[0].split(maxsplit=1)[0].lower() in END_COMMANDS if update.text.strip() else False


async def tapped(db: AsyncSession, office: Office, person: Person, update: Incoming, now: datetime) -> None:
    """Act on an `h:` button. Old ones do what still makes sense."""
    action, _, rest = (update.tap.data if update.tap else "").removeprefix("h:").partition(":")
    key = f"u{update.update_id}:h"
    if action in {"end", "cancel"}:
        await end(db, office, person, now, key=key)
    elif action == "better":
        row = await _own_case(db, person, rest)
        if row is not None:
            await cases.add_event(db, row.id, "check_in_better", now)
            text = office.staff.say("check_in_better", pseudonym=row.pseudonym, number=row.id)
            await office.post(db, row, text, dedup=f"case:{row.id}:better", now=now)
        await office.tell(db, person, "check_in_better", dedup=key, now=now)
    elif action == "hard":
        await office.tell(db, person, "check_in_hard", dedup=key, now=now)
        words = office.texts.say("check_in_hard_words", Language(person.language))
        cause = Cause(CaseKind.RISK, paging.URGENT, ("distress",), words, ("check-in",))
        await need_human(db, office, person, cause, now)
    else:
        await office.tell(db, person, "safety_plan", dedup=key, now=now)


async def _own_case(db: AsyncSession, person: Person, number: str) -> Case | None:
    row = await cases.lock_case(db, int(number)) if number.isdigit() and len(number) < 18 else None
    return row if row is not None and row.person_id == person.id else None


async def end(db: AsyncSession, office: Office, person: Person, now: datetime, *, key: str) -> None:
    """The person ends it. A wish for a human is over with that; a risk stays the counselors' until they close it."""
    row = await cases.lock_active(db, person.id)
    if row is None or row.person_ended_at is not None:
        await office.tell(db, person, "nothing_to_end", dedup=key, now=now)
        return
    taken = CaseState(row.state) in TAKEN
    risk = row.kind == CaseKind.RISK.value and row.level >= paging.URGENT
    event = await cases.add_event(db, row.id, "person_ended", now)
    row.person_ended_at = now
    number = {"pseudonym": row.pseudonym, "number": row.id}
    if risk:
        await office.tell(db, person, "ended_by_person_risk", dedup=key, now=now)
        text = office.staff.say("person_ended_risk", **number)
    elif taken:
        name = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
        await office.tell(db, person, "ended_by_person", dedup=key, now=now, name=name)
        text = office.staff.say("person_ended", **number)
    else:
        await office.tell(db, person, "cancelled", dedup=key, now=now)
        text = office.staff.say("person_cancelled", **number)
    await office.post(db, row, text, dedup=f"case:{row.id}:ended:{event.id}", now=now, lane=Lane.PRIORITY)
    if not risk:
        await case_steps.close(db, office, row, Outcome.PERSON_ENDED, now)
