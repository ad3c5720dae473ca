"""Who may answer and who is called: registration, shifts, and the circle of a page."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.paging import Circle, circle_at
from bot.handoff.roster import Shift, next_on_call_at, on_call
from bot.ports import Language, Sender
from bot.services.office import Office
from bot.store import cases, counselors
from bot.store.database import vault_of
from bot.store.handoff_models import Case, Counselor

CODE_VALID = timedelta(days=7)
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without letters and digits that look alike on a phone."""


async def create_code(db: AsyncSession, name: str, now: datetime, *, is_supervisor: bool = False) -> str:
    """Return a fresh one-time code for a new counselor, valid for seven days."""
    letters = [secrets.choice(_LETTERS) for _ in range(8)]
    code = f"{''.join(letters[:4])}-{''.join(letters[4:])}"
    await counselors.add_code(
        db, _plain(code), name.strip()[:64], now, expires_at=now + CODE_VALID, is_supervisor=is_supervisor
    )
    return code


async def register(db: AsyncSession, sender: Sender, code: str, now: datetime, *, private: bool) -> Counselor | None:
    """Register somebody with a code. None: the code is wrong, used or old.

    Args:
        private: They typed it in the bot's private chat, so the bot may ring there.
    """
    used = await counselors.use_code(db, _plain(code), now)
    if used is None:
        return None
    name, is_supervisor = used
    counselor = await counselors.get_or_create(db, sender.user_id, name, now)
    counselor.name_enc = vault_of(db).seal(name)
    counselor.registered_at, counselor.left_at = now, None
    counselor.is_supervisor = counselor.is_supervisor or is_supervisor
    counselor.can_dm = counselor.can_dm or private
    await db.flush()
    return counselor


async def identify(db: AsyncSession, sender: Sender, now: datetime) -> Counselor | None:
    """Return who acts in the counselors' group; None for a stranger or somebody who left.

    As long as nobody at all has registered, every member counts: a new centre must be able to answer before it has
    handed out codes. Who took a case under that rule may finish it.
    """
    known = await counselors.find_counselor(db, sender.user_id)
    if known is not None and known.left_at is not None:
        return None
    if known is not None and known.registered_at is not None:
        return known
    if not await counselors.anybody_registered(db):
        return known or await counselors.get_or_create(db, sender.user_id, sender.name or "Konselor", now)
    if known is not None and await cases.cases_of(db, known.id):
        return known
    return None


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call.

    Attributes:
        people: On call now, in the roster's order.
        planned: There is a roster at all; without one nobody can say who is on call.
        next_at: When somebody is on call next; None where that is not planned.
    """

    people: list[Counselor]
    planned: bool
    next_at: datetime | None

    @property
    def nobody_answers_now(self) -> bool:
        """The roster says that it is outside duty hours."""
        return self.planned and not self.people


async def duty_at(db: AsyncSession, now: datetime) -> Duty:
    """Return who is on call at a moment."""
    shifts: list[Shift] = [shift for _, shift in await counselors.list_shifts(db)]
    by_id = {who.id: who for who in await counselors.working(db)}
    people = [by_id[number] for number in on_call(shifts, now) if number in by_id]
    return Duty(people, bool(shifts), next_on_call_at(shifts, now))


@dataclass(frozen=True, slots=True)
class Callees:
    """Who a page mentions, and how widely it is sent."""

    circle: Circle
    people: list[Counselor]
    nobody_on_call: bool


async def callees(db: AsyncSession, office: Office, row: Case, now: datetime) -> Callees:
    """Return who is called for a case now. Where nobody is on call, everybody is, from the first page on."""
    circle = circle_at(row.level, row.opened_at, row.due_at, now, office.deadlines)
    duty = await duty_at(db, now)
    everybody = await counselors.working(db)
    if circle is Circle.ON_CALL and duty.people:
        return Callees(circle, duty.people, nobody_on_call=False)
    if circle is Circle.SUPERVISOR:
        supervisors = [who for who in everybody if who.is_supervisor]
        rest = [who for who in everybody if not who.is_supervisor]
        return Callees(circle, supervisors + rest, nobody_on_call=False)
    return Callees(Circle.EVERYBODY, everybody, nobody_on_call=circle is Circle.ON_CALL and duty.planned)


def say_when(office: Office, moment: datetime, now: datetime, language: Language) -> str:
    """Return a moment as people say it, `besok pukul 08.00 WIB`."""
    local, today = moment.astimezone(office.zone), now.astimezone(office.zone).date()
    days = (local.date() - today).days
    key = {0: "when_today", 1: "when_tomorrow"}.get(days, "when_day")
    day = office.texts.say(f"day_{local.weekday()}", language)
    return office.texts.say(key, language, time=office.clock(moment), **({"day": day} if key == "when_day" else {}))


def _plain(code: str) -> str:
    return "".join(char for char in code.upper() if char.isalnum())
