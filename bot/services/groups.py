"""Groups that are not the counselors': one line with a link to write privately, at most once an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.ports import Incoming, Language, UpdateKind
from bot.services.outgoing import say
from bot.services.turn import Desk
from bot.store import kv
from bot.store.database import vault_of
from bot.store.models import KeyValue

HINT_EVERY = timedelta(hours=1)


async def answer_group(db: AsyncSession, desk: Desk, update: Incoming, now: datetime) -> None:
    """Point to the private chat. `/chatid` tells an operator the id that the settings want."""
    language = Language.INDONESIAN
    if update.sender and update.sender.language_code and not update.sender.language_code.startswith(("id", "ms")):
        language = Language.ENGLISH
    key = f"u{update.update_id}:0"
    if update.text.split("@")[0].strip().lower() == "/chatid":
        text = desk.texts.say("group_chat_id", language, chat_id=update.chat_id)
        await say(db, chat_id=update.chat_id, text=text, key=key, now=now)
        return
    added = update.kind is UpdateKind.MEMBERSHIP and update.member_status in {"member", "administrator"}
    if update.kind not in {UpdateKind.UTTERANCE, UpdateKind.ATTACHMENT} and not added:
        return
    username = await kv.get_value(db, kv.BOT_USERNAME)
    if not username:
        return
    hint = f"group_hint:{vault_of(db).chat_key(update.chat_id)}"
    last = await db.get(KeyValue, hint)
    if last is not None and now - last.updated_at < HINT_EVERY:
        return
    await kv.set_value(db, hint, "", now)
    text = desk.texts.say("group_hint", language, link=f"https://t.me/{username}?start=private")
    await say(db, chat_id=update.chat_id, text=text, key=key, now=now)
