"""Turns a raw update into our `Incoming`, reading it with python-telegram-bot's types.

PTB's own dispatcher (`Application`) is not used: its queue lives in memory and it acknowledges by polling on, so an
update that is being handled when the process dies is gone. Updates come from the inbox instead, and `Reception` routes
them; PTB's part is to know every field Telegram sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegram import Chat, Message, Update, User

from bot.ports import ChatKind, Incoming, Sender, Tap, UpdateKind
from bot.services.cleaning import clean_text
from bot.store.inbox import NewUpdate

ATTACHMENTS = (
    "voice", "photo", "sticker", "animation", "document", "location", "venue", "contact", "video", "video_note",
    "audio", "dice", "poll", "game", "story", "paid_media", "invoice", "checklist",
)  # fmt: skip
"""Message fields that hold something other than text, in the order looked at (a venue also has a location)."""

_SERVICES = {
    "new_chat_members": "members_joined",
    "left_chat_member": "member_left",
    "forum_topic_created": "topic_created",
    "forum_topic_closed": "topic_closed",
    "forum_topic_reopened": "topic_reopened",
    "pinned_message": "pinned",
    "group_chat_created": "other",
    "supergroup_chat_created": "other",
    "new_chat_title": "other",
    "new_chat_photo": "other",
    "forum_topic_edited": "other",
    "migrate_from_chat_id": "other",
}


def chat_id_of_raw(update: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return chat id and new message id of a raw update without trusting its shape; 0 where it has no chat."""
    for name in ("message", "edited_message", "channel_post", "edited_channel_post", "my_chat_member"):
        part = update.get(name)
        if isinstance(part, Mapping):
            chat = part.get("chat")
            chat_id = chat.get("id") if isinstance(chat, Mapping) else None
            message_id = part.get("message_id") if name == "message" else None
            return chat_id if isinstance(chat_id, int) else 0, message_id if isinstance(message_id, int) else None
    query = update.get("callback_query")
    if isinstance(query, Mapping):
        message = query.get("message")
        chat = message.get("chat") if isinstance(message, Mapping) else query.get("from")
        chat_id = chat.get("id") if isinstance(chat, Mapping) else None
        return chat_id if isinstance(chat_id, int) else 0, None
    return 0, None


def to_new_update(update: Mapping[str, Any]) -> NewUpdate | None:
    """Return what the inbox stores, or None for something that is no update at all."""
    update_id = update.get("update_id")
    if not isinstance(update_id, int):
        return None
    chat_id, message_id = chat_id_of_raw(update)
    return NewUpdate(update_id, chat_id, update, message_id)


def parse_update(raw: Mapping[str, Any]) -> Incoming:
    """Return an update without PTB's types. One that can't be read becomes OTHER: logged, passed over."""
    update_id = int(raw["update_id"])
    try:
        update = Update.de_json(dict(raw), None)
        return _parse(update, raw)
    except (KeyError, TypeError, ValueError, AttributeError):
        chat_id, _ = chat_id_of_raw(raw)
        return Incoming(update_id, UpdateKind.OTHER, chat_id, ChatKind.PRIVATE, raw=raw)


def _parse(update: Update, raw: Mapping[str, Any]) -> Incoming:
    if update.callback_query is not None:
        return _parse_tap(update, raw)
    if update.my_chat_member is not None:
        change = update.my_chat_member
        return Incoming(
            update.update_id,
            UpdateKind.MEMBERSHIP,
            change.chat.id,
            _chat_kind(change.chat),
            sender=_sender(change.from_user),
            member_status=str(change.new_chat_member.status),
            chat_title=change.chat.title or "",
            is_forum=bool(change.chat.is_forum),
            raw=raw,
        )
    if update.channel_post is not None or update.edited_channel_post is not None:
        chat = update.effective_chat
        return Incoming(update.update_id, UpdateKind.CHANNEL_POST, chat.id if chat else 0, ChatKind.CHANNEL, raw=raw)
    message = update.message or update.edited_message
    if message is None:
        chat_id, _ = chat_id_of_raw(raw)
        return Incoming(update.update_id, UpdateKind.OTHER, chat_id, ChatKind.PRIVATE, raw=raw)
    return _parse_message(update, message, raw)


def _parse_message(update: Update, message: Message, raw: Mapping[str, Any]) -> Incoming:
    text = clean_text(message.text or message.caption or "")
    attachment = next((name for name in ATTACHMENTS if getattr(message, name, None)), None)
    service = next((label for name, label in _SERVICES.items() if getattr(message, name, None)), None)
    members: tuple[Sender, ...] = tuple(s for u in message.new_chat_members or () if (s := _sender(u)))
    if message.left_chat_member is not None and (left := _sender(message.left_chat_member)):
        members = (left,)
    if message.migrate_to_chat_id:
        service = "migrated"
    if update.edited_message is not None:
        kind = UpdateKind.EDIT
    elif service is not None:
        kind = UpdateKind.SERVICE
    elif attachment is not None:
        kind = UpdateKind.ATTACHMENT
    elif message.text is not None:
        kind = UpdateKind.UTTERANCE
    else:
        kind, attachment = UpdateKind.ATTACHMENT, "other"
    return Incoming(
        update.update_id,
        kind,
        message.chat.id,
        _chat_kind(message.chat),
        sender=_sender(message.from_user),
        text=text,
        message_id=message.message_id,
        attachment=attachment,
        thread_id=message.message_thread_id if message.is_topic_message else None,
        reply_to_message_id=message.reply_to_message.message_id if message.reply_to_message else None,
        service=service,
        members=members,
        migrated_to=message.migrate_to_chat_id,
        chat_title=message.chat.title or "",
        is_forum=bool(message.chat.is_forum),
        raw=raw,
    )


def _parse_tap(update: Update, raw: Mapping[str, Any]) -> Incoming:
    query = update.callback_query
    assert query is not None  # noqa: S101  # the caller checked
    message = query.message
    chat = message.chat if message is not None else None
    return Incoming(
        update.update_id,
        UpdateKind.BUTTON,
        chat.id if chat else query.from_user.id,
        _chat_kind(chat) if chat else ChatKind.PRIVATE,
        sender=_sender(query.from_user),
        tap=Tap(query.id, clean_text(query.data or ""), message.message_id if message else None),
        thread_id=message.message_thread_id if isinstance(message, Message) and message.is_topic_message else None,
        message_id=message.message_id if message else None,
        chat_title=(chat.title or "") if chat else "",
        is_forum=bool(chat.is_forum) if chat else False,
        raw=raw,
    )


def _chat_kind(chat: Chat) -> ChatKind:
    if chat.type == Chat.PRIVATE:
        return ChatKind.PRIVATE
    return ChatKind.CHANNEL if chat.type == Chat.CHANNEL else ChatKind.GROUP


def _sender(user: User | None) -> Sender | None:
    if user is None:
        return None
    return Sender(user.id, clean_text(user.full_name)[:128], user.username, user.language_code, user.is_bot)
