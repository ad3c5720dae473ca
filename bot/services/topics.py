"""A forum topic for each case, where the group has topics and the bot may make them; replies to the card elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import CaseState
from bot.ports import Lane
from bot.services.cards import mark, post_card
from bot.services.office import FORUM, Office
from bot.store import cases, kv, outbox
from bot.store.database import vault_of
from bot.store.handoff_models import Case, CaseMessage
from bot.store.models import OutboxRow

log = structlog.get_logger()

_LOST = ("message_thread_id", "reply_parameters")


async def ask_for_topic(db: AsyncSession, office: Office, row: Case, now: datetime) -> None:
    """Ask Telegram for a topic; the card follows into it once it is there (`topic_made`)."""
    chat_id = await office.staff_chat(db)
    if chat_id is None or row.thread_id is not None or not await office.has_topics(db):
        return
    row.topic_count += 1
    name = office.staff.say("topic_name", mark=mark(row.level), pseudonym=row.pseudonym, number=row.id)
    await outbox.enqueue(
        db,
        chat_id=chat_id,
        method="createForumTopic",
        params={"name": name[:128]},
        dedup_key=f"case:{row.id}:topic:{row.topic_count}",
        now=now,
        ref=f"topic:{row.id}:{row.topic_count}",
    )


async def topic_made(
    db: AsyncSession, office: Office, row: Case, number: int, result: Mapping[str, Any], now: datetime
) -> None:
    """A topic was made: move the conversation there.

    After a crash Telegram may make the same topic twice, because nothing proves the first; the second stays empty.
    """
    thread_id = result.get("message_thread_id")
    if thread_id is None or row.thread_id is not None or number != row.topic_count:
        return
    row.thread_id = int(thread_id)
    await post_card(
        db, office, row, dedup=f"case:{row.id}:topic:{number}:card", now=now, lane=Lane.ORDINARY, topic=True
    )
    if row.state == CaseState.CLOSED.value:
        await set_topic_open(db, office, row, dedup=f"case:{row.id}:topic:{number}:late", now=now, is_open=False)


async def topic_refused(db: AsyncSession, office: Office, code: str, now: datetime) -> None:
    """Telegram makes no topic: remember why, and tell the counselors once what they can do about it."""
    if code == "no_forum":
        await kv.set_value(db, FORUM, "0", now)
    elif code == "no_rights":
        await kv.set_value(db, FORUM, "no_rights", now)
        text = office.staff.say("no_rights")
        day = now.astimezone(office.zone).date().isoformat()
        await office.post(db, None, text, dedup=f"staff:no_rights:{day}", now=now)
    log.warning("topic.refused", code=code)


async def set_topic_open(
    db: AsyncSession, office: Office, row: Case, *, dedup: str, now: datetime, is_open: bool
) -> None:
    """Close the topic with its case, open it again with it. Refusals do no harm."""
    chat_id = await office.staff_chat(db)
    if chat_id is None or row.thread_id is None:
        return
    await outbox.enqueue(
        db,
        chat_id=chat_id,
        method="reopenForumTopic" if is_open else "closeForumTopic",
        params={"message_thread_id": row.thread_id},
        dedup_key=dedup,
        now=now,
        ref=f"edit:{row.id}",
    )


async def send_again_outside(
    db: AsyncSession, office: Office, row: Case, message: CaseMessage, now: datetime
) -> None:
    """A message could not go into its topic because somebody deleted that: send it where everybody sees it.

    The case gets a new topic; what was already in the old one is in the person's history.
    """
    lost = (await db.execute(select(OutboxRow).where(OutboxRow.ref == f"case:{message.id}"))).scalars().first()
    chat_id = await office.staff_chat(db)
    if lost is None or lost.payload_enc is None or chat_id is None or lost.dedup_key.endswith(":again"):
        return
    params = dict(vault_of(db).open_json(lost.payload_enc))
    if row.thread_id is not None and row.thread_id == params.get("message_thread_id"):
        row.thread_id = None
        text = office.staff.say("topic_gone", number=row.id)
        await office.post(db, row, text, dedup=f"case:{row.id}:topic:{row.topic_count}:gone", now=now)
        if row.state != CaseState.CLOSED.value:
            await ask_for_topic(db, office, row, now)
    params = {name: value for name, value in params.items() if name not in _LOST} | office.place(row)
    lost.ref = None
    await db.flush()
    await outbox.enqueue(
        db,
        chat_id=chat_id,
        method=lost.method,
        params=params,
        dedup_key=f"{lost.dedup_key[:120]}:again",
        now=now,
        lane=Lane(lost.lane),
        ref=f"case:{message.id}",
    )


async def follow_group(db: AsyncSession, office: Office, now: datetime) -> None:
    """Notice that the group has a new id: message and topic ids of the old one are void, so cards are posted again."""
    chat_id = await office.staff_chat(db)
    if chat_id is None:
        return
    key = vault_of(db).chat_key(chat_id)
    moved = [row for row in await cases.active_cases(db) if row.staff_chat_key not in {None, key}]
    if not moved:
        return
    await kv.set_value(db, FORUM, "unknown", now)
    text = office.staff.say("group_moved", chat_id=chat_id)
    await office.post(db, None, text, dedup=f"staff:moved:{key[:32]}", now=now, lane=Lane.PRIORITY)
    for listed in moved:
        row = await cases.lock_case(db, listed.id)
        if row is None or row.staff_chat_key == key:
            continue
        row.staff_chat_key, row.thread_id, row.card_message_id = key, None, None
        await cases.forget_staff_messages(db, row.id)
        await post_card(db, office, row, dedup=f"case:{row.id}:moved:{key[:16]}", now=now)
        await ask_for_topic(db, office, row, now)
