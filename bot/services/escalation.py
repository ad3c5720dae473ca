"""The counselors' desk: joins opening, paging, relaying and the group's commands. Implements `bot.ports.Escalations`.

Everything goes through the outbox in the caller's transaction: a case and its page are stored together or not at all.
Look next at `open_cases.py` (why a case is there), `page_counselors.py` (who is called when), `relay.py`, `staff.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import CaseKind
from bot.handoff.paging import SUPPORT, Deadlines
from bot.ports import Assessment, ChatKind, CrisisWords, Incoming, Lane, UpdateKind
from bot.services import page_counselors, person_in_case, relay, staff, topics
from bot.services.cards import redraw_card
from bot.services.office import Office
from bot.services.open_cases import Cause, need_human
from bot.services.staff_texts import load_staff_texts
from bot.services.statistics import send_weekly
from bot.services.texts import Texts, load_texts
from bot.store import cases, counselors, kv
from bot.store.handoff_models import CaseMessage
from bot.store.models import Person

log = structlog.get_logger()

HANDOFF_TEXTS_FILE = Path(__file__).with_name("handoff_texts.yaml")
PURGED = "handoff.purged_on"


class CaseDesk:
    """Cases, pages and relays.

    Args:
        texts: What people read; None: the reviewed file beside this module.
        response_s: Seconds until somebody must have taken a case, by level (2 urgent, 3 emergency).
        zone: The centre's time zone.
        retention_days: Closed cases are deleted after these days.
    """

    def __init__(
        self,
        *,
        words: CrisisWords,
        staff_chat_id: int | None,
        zone: ZoneInfo,
        response_s: Mapping[int, float],
        texts: Texts | None = None,
        retention_days: int = 180,
    ) -> None:
        usual = Deadlines()
        self.office = Office(
            texts=texts or load_texts(HANDOFF_TEXTS_FILE),
            staff=load_staff_texts(),
            words=words,
            configured_chat=staff_chat_id,
            zone=zone,
            deadlines=Deadlines(
                urgent=timedelta(seconds=response_s.get(2, usual.urgent.total_seconds())),
                emergency=timedelta(seconds=response_s.get(3, usual.emergency.total_seconds())),
            ),
            retention_days=retention_days,
        )

    # -- from the person ---------------------------------------------------------------------------

    async def raise_risk(
        self, db: AsyncSession, person: Person, assessment: Assessment, utterance_text: str, now: datetime
    ) -> None:
        cause = Cause(
            CaseKind.RISK,
            int(assessment.level),
            tuple(assessment.categories),
            utterance_text,
            tuple(item.words for item in assessment.evidence if item.words and item.words != utterance_text),
            assessment.rung,
        )
        await need_human(db, self.office, person, cause, now)

    async def request_human(self, db: AsyncSession, person: Person, now: datetime) -> None:
        await need_human(db, self.office, person, Cause(CaseKind.REQUEST, SUPPORT), now)

    async def open_handoff(self, db: AsyncSession, person: Person) -> bool:
        return relay.speaks(await cases.find_active(db, person.id))

    async def relay_from_person(self, db: AsyncSession, person: Person, update: Incoming, now: datetime) -> None:
        if update.kind is UpdateKind.BUTTON:
            if update.tap is not None and update.tap.data.startswith("h:"):
                await person_in_case.tapped(db, self.office, person, update, now)
            return
        if person_in_case.wants_to_end(update):
            await person_in_case.end(db, self.office, person, now, key=f"u{update.update_id}:h")
            return
        row = await cases.lock_active(db, person.id)
        if row is not None:
            await relay.pass_on(db, self.office, row, person, update, now)

    async def person_blocked(self, db: AsyncSession, person: Person, now: datetime) -> None:
        row = await cases.lock_active(db, person.id)
        if row is None or row.person_blocked_at is not None:
            return
        row.person_blocked_at = now
        event = await cases.add_event(db, row.id, "blocked", now)
        text = self.office.staff.say("blocked", pseudonym=row.pseudonym, number=row.id)
        key = f"case:{row.id}:blocked:{event.id}"
        await self.office.post(db, row, text, dedup=key, now=now, lane=Lane.PRIORITY)
        await redraw_card(db, self.office, row, dedup=f"{key}:card", now=now)

    async def forget_person(self, db: AsyncSession, person: Person, now: datetime) -> bool:
        await cases.delete_closed(db, person.id)
        row = await cases.lock_active(db, person.id)
        if row is None:
            return False
        event = await cases.add_event(db, row.id, "person_deleted", now)
        text = self.office.staff.say("person_deleted", pseudonym=row.pseudonym, number=row.id)
        await self.office.post(db, row, text, dedup=f"case:{row.id}:deleted:{event.id}", now=now)
        return True

    async def stored_data(self, db: AsyncSession, person: Person) -> list[dict[str, Any]]:
        return [
            cases.as_json(db, row, len(await cases.events_of(db, row.id, ["note"])))
            for row in await cases.all_of(db, person.id)
        ]

    async def human_answers(
        self, db: AsyncSession, person: Person, assessment: Assessment, now: datetime
    ) -> bool:
        row = await cases.find_active(db, person.id)
        return row is not None and relay.human_answers(row, int(assessment.level), assessment.categories, now)

    async def dealt_with_until(self, db: AsyncSession, person: Person) -> datetime | None:
        return await cases.dealt_with_until(db, person.id)

    # -- from the counselors -----------------------------------------------------------------------

    async def is_staff_update(self, db: AsyncSession, update: Incoming) -> bool:
        if staff.is_registration(update):
            return True
        return update.chat_kind is ChatKind.GROUP and update.chat_id == await self.office.staff_chat(db)

    async def handle_staff_update(self, db: AsyncSession, update: Incoming, now: datetime) -> str | None:
        return await staff.handle(db, self.office, update, now)

    # -- from the outbox ---------------------------------------------------------------------------

    async def delivered(
        self, db: AsyncSession, ref: str, message_id: int | None, result: Mapping[str, Any], now: datetime
    ) -> None:
        kind, _, rest = ref.partition(":")
        if kind == "topic":
            case_id, _, number = rest.partition(":")
            row = await cases.lock_case(db, int(case_id))
            if row is not None:
                await topics.topic_made(db, self.office, row, int(number), result, now)
            return
        if kind != "case" or message_id is None:
            return
        message = await db.get(CaseMessage, int(rest))
        if message is None:
            return
        if message.kind == "out":
            message.person_message_id = message_id
            return
        message.staff_message_id = message_id
        if message.kind == "card":
            await self._card_delivered(db, message, message_id, now)

    async def _card_delivered(self, db: AsyncSession, message: CaseMessage, message_id: int, now: datetime) -> None:
        row = await cases.lock_case(db, message.case_id)
        if row is None:
            return
        row.card_message_id = message_id
        if row.state != "open":  # taken while the card was on its way
            await redraw_card(db, self.office, row, dedup=f"case:{row.id}:late:{message.id}", now=now)

    async def undeliverable(self, db: AsyncSession, ref: str, code: str, now: datetime) -> None:
        kind, _, rest = ref.partition(":")
        if kind == "topic":
            await topics.topic_refused(db, self.office, code, now)
        elif kind == "dm" and code == "blocked":
            who = await counselors.get_counselor(db, int(rest))
            if who is not None:
                who.can_dm = False
        elif kind == "case":
            message = await db.get(CaseMessage, int(rest))
            row = await cases.lock_case(db, message.case_id) if message is not None else None
            if message is None or row is None:
                return
            if code == "thread_gone":
                await topics.send_again_outside(db, self.office, row, message, now)
            elif message.kind in {"in", "out"}:
                await relay.not_delivered(db, self.office, message, code, now)
            else:
                log.error("page.undeliverable", case_id=row.id, code=code)

    # -- from the clock ----------------------------------------------------------------------------

    async def tick(self, db: AsyncSession, now: datetime) -> None:
        """Do what is due, paging first. A step that fails is logged and holds no other back."""
        steps = (
            page_counselors.page_again,
            page_counselors.tell_slower,
            page_counselors.remind_counselors,
            page_counselors.release_hold,
            page_counselors.check_in,
            topics.follow_group,
            send_weekly,
            self._purge,
        )
        for step in steps:
            try:
                async with db.begin_nested():
                    await step(db, self.office, now)
            except Exception:
                log.exception("tick.part_failed", step=step.__name__)

    async def _purge(self, db: AsyncSession, _office: Office, now: datetime) -> None:
        today = now.date().isoformat()
        if await kv.claim_value(db, PURGED, today, now) is False:
            return
        rows = await cases.purge(db, now - timedelta(days=self.office.retention_days))
        if rows:
            log.info("retention.cases_purged", rows=rows)

