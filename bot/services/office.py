"""What everything about cases shares: texts, the counselors' chat, and a voice to each side through the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.paging import Deadlines
from bot.ports import Button, CrisisWords, Lane, Language
from bot.services.outgoing import Rows, keyboard, say
from bot.services.splitting import utf16_length
from bot.services.staff_texts import StaffTexts
from bot.services.texts import Texts
from bot.store import cases, counselors, kv, outbox
from bot.store.database import vault_of
from bot.store.handoff_models import Case, CaseMessage, Counselor
from bot.store.models import Person
from bot.store.people import chat_id_of

log = structlog.get_logger()

FORUM = "staff_forum"
"""kv: "1" the counselors' group has topics, "0" it has none, "no_rights" the bot may not make any."""


@dataclass(frozen=True, slots=True)
class Office:
    """Built once by `escalation.CaseDesk`.

    Attributes:
        texts: What people read.
        staff: What counselors read.
        configured_chat: The counselors' chat of the settings; None: nobody can be paged.
        zone: The centre's time zone.
    """

    texts: Texts
    staff: StaffTexts
    words: CrisisWords
    configured_chat: int | None
    zone: ZoneInfo
    deadlines: Deadlines
    retention_days: int = 180

    # -- where -------------------------------------------------------------------------------------

    async def staff_chat(self, db: AsyncSession) -> int | None:
        return await kv.staff_chat_id(db, self.configured_chat)

    async def has_topics(self, db: AsyncSession) -> bool:
        """Return whether a case may get its own topic. Unknown counts as yes: the first refusal settles it."""
        return await kv.get_value(db, FORUM) not in {"0", "no_rights"}

    def clock(self, moment: datetime) -> str:
        """Return a local time with its zone, `21.14 WIB`."""
        return moment.astimezone(self.zone).strftime("%H.%M %Z")

    def moment(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).strftime("%d/%m %H.%M")

    # -- to the person -----------------------------------------------------------------------------

    async def tell(
        self,
        db: AsyncSession,
        person: Person | None,
        key: str,
        *,
        dedup: str,
        now: datetime,
        buttons: Rows = (),
        lane: Lane = Lane.PRIORITY,
        **values: object,
    ) -> None:
        """Say one of the reviewed sentences to the person, unless they are gone or have blocked the bot."""
        if person is None or person.blocked_at is not None:
            return
        text = self.texts.say(key, Language(person.language), **values)
        await say(db, chat_id=chat_id_of(db, person), text=text, key=dedup, now=now, buttons=buttons, lane=lane)

    def button(self, person: Person, key: str, data: str) -> Button:
        return Button(self.texts.say(f"button_{key}", Language(person.language)), data)

    def calming_buttons(self, person: Person) -> list[Button]:
        """Return what the bot may offer while people wait for a human: nothing chatty."""
        return [
            self.button(person, "grounding", "k:grounding"),
            self.button(person, "plan", "h:plan"),
            self.button(person, "emergency", "m:emergency"),
        ]

    # -- to the counselors -------------------------------------------------------------------------

    async def post(
        self,
        db: AsyncSession,
        row: Case | None,
        text: str,
        *,
        dedup: str,
        now: datetime,
        kind: str = "note",
        buttons: Rows = (),
        lane: Lane = Lane.ORDINARY,
        topic: bool = True,
        mentions: Sequence[tuple[str, int]] = (),
        reply_to: int | None = None,
        person_message_id: int | None = None,
    ) -> CaseMessage | None:
        """Say something in the counselors' chat.

        Args:
            row: The case it belongs to: replies to it reach the person.
            topic: In the case's own topic where it has one; False: where everybody sees it.
            mentions: Names and accounts to call, put under the text.
            reply_to: Answer this message; without one, the case's card is answered where there is no topic.

        Returns:
            The message's row, None where there is no counselors' chat.
        """
        chat_id = await self.staff_chat(db)
        if chat_id is None:
            log.error("page.no_staff_chat", case_id=row.id if row else None)
            return None
        message = None
        params: dict[str, Any] = {"text": text, "link_preview_options": {"is_disabled": True}}
        if mentions:
            params |= _with_mentions(text, mentions)
        markup = keyboard(buttons)
        if markup:
            params["reply_markup"] = markup
        if row is not None:
            message = await cases.add_message(db, row.id, kind, now, person_message_id=person_message_id)
            params |= self.place(row, topic=topic, reply_to=reply_to)
        elif reply_to is not None:
            params["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        await outbox.enqueue(
            db,
            chat_id=chat_id,
            method="sendMessage",
            params=params,
            dedup_key=dedup,
            now=now,
            lane=lane,
            ref=f"case:{message.id}" if message else "staff:note",
        )
        return message

    def place(self, row: Case, *, topic: bool = True, reply_to: int | None = None) -> dict[str, Any]:
        """Return the parameters that put a message where the case lives."""
        if topic and row.thread_id is not None:
            place: dict[str, Any] = {"message_thread_id": row.thread_id}
        else:
            place = {}
            reply_to = reply_to or (row.card_message_id if row.thread_id is None else None)
        if reply_to is not None:
            place["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        return place

    async def send_dm(self, db: AsyncSession, who: Counselor, row: Case, *, dedup: str, now: datetime) -> None:
        """Ring in a counselor's private chat. Says nothing that must stay in the group."""
        if not who.can_dm:
            return
        text = self.staff.say("dm", level=row.level, pseudonym=row.pseudonym, number=row.id)
        await say(
            db,
            chat_id=counselors.user_id_of(db, who),
            text=text,
            key=dedup,
            now=now,
            lane=Lane.PRIORITY,
            ref=f"dm:{who.id}",
        )

    async def names(self, db: AsyncSession, people: Sequence[Counselor]) -> list[tuple[str, int]]:
        """Return names and accounts, for mentions."""
        return [(counselors.name_of(db, who), counselors.user_id_of(db, who)) for who in people]

    async def hour_key(self, db: AsyncSession, what: str, now: datetime) -> str:
        """Return a dedup key that is the same for an hour, without an id in the clear."""
        return f"staff:{vault_of(db).fingerprint(what)}:{int(now.timestamp() // 3600)}"


def _with_mentions(text: str, mentions: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return text and entities; `{names}` in the text is where they go. Offsets are UTF-16 units."""
    before, marker, after = text.partition("{names}")
    if not marker:
        return {"text": text}
    entities: list[dict[str, Any]] = []
    line = before
    for number, (name, user_id) in enumerate(mentions):
        line += ", " if number else ""
        offset = utf16_length(line)
        line += name
        user = {"id": user_id, "is_bot": False, "first_name": name}
        entities.append({"type": "text_mention", "offset": offset, "length": utf16_length(name), "user": user})
    return {"text": line + after, "entities": entities}
