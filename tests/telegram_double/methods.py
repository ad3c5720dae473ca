"""What each Bot API method does in the double. Errors carry Telegram's own descriptions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.telegram_double.chats import Chat, Json, Sent, Topic

if TYPE_CHECKING:
    from tests.telegram_double.server import TelegramDouble


class ApiError(Exception):
    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def _bad(description: str, **parameters: Any) -> ApiError:
    return ApiError(400, f"Bad Request: {description}", **parameters)


def _chat(double: TelegramDouble, params: Json) -> Chat:
    chat = double.chats.get(int(params.get("chat_id") or 0))
    if chat is None:
        raise _bad("chat not found")
    if chat.migrated_to is not None:
        raise _bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
    if chat.blocked:
        raise ApiError(403, "Forbidden: bot was blocked by the user")
    if not chat.bot_is_member:
        raise ApiError(403, "Forbidden: bot was kicked from the supergroup chat")
    return chat


def _buttons(params: Json) -> list[tuple[str, str]]:
    markup = params.get("reply_markup") or {}
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else []
    found = []
    for row in rows:
        for button in row:
            data = button.get("callback_data", button.get("url", ""))
            if "callback_data" in button and not 1 <= len(data.encode()) <= 64:
                raise _bad("BUTTON_DATA_INVALID")
            if not button.get("text"):
                raise _bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
            found.append((button["text"], data))
    return found


def _thread(chat: Chat, params: Json) -> int | None:
    thread = int(params.get("message_thread_id") or 0) or None
    if thread is not None and (thread not in chat.topics or chat.topics[thread].deleted):
        raise _bad("message thread not found")
    if thread is not None and chat.topics[thread].closed and not chat.bot_is_admin:
        raise _bad("TOPIC_CLOSED")
    return thread


def _text(value: Any, *, limit: int, required: bool) -> str:
    text = str(value or "").strip()
    if required and not text:
        raise _bad("message text is empty")
    if len(text) > limit:
        raise _bad("message is too long" if limit == 4096 else "message caption is too long")
    return text


def _send(double: TelegramDouble, method: str, params: Json, text: str) -> Json:
    chat = _chat(double, params)
    reply = params.get("reply_parameters") or {}
    strict = isinstance(reply, dict) and reply.get("message_id") and not reply.get("allow_sending_without_reply")
    if strict and int(reply["message_id"]) not in chat.foreign and chat.find(int(reply["message_id"])) is None:
        raise _bad("message to be replied not found")
    thread = _thread(chat, params)
    sent = Sent(chat.next_id(), method, text, _buttons(params), params, time.time(), thread_id=thread)
    chat.sent.append(sent)
    return message_json(double, chat, sent)


def message_json(double: TelegramDouble, chat: Chat, sent: Sent) -> Json:
    message: Json = {
        "message_id": sent.message_id,
        "date": int(sent.at),
        "chat": chat.json(),
        "from": {"id": double.bot_id, "is_bot": True, "first_name": "Pendamping", "username": double.bot_username},
        "text" if sent.method == "sendMessage" else "caption": sent.text,
    }
    return message | ({"message_thread_id": sent.thread_id, "is_topic_message": True} if sent.thread_id else {})


def send_message(double: TelegramDouble, params: Json) -> Json:
    return _send(double, "sendMessage", params, _text(params.get("text"), limit=4096, required=True))


def _media(method: str, field: str) -> Callable[[TelegramDouble, Json], Json]:
    def action(double: TelegramDouble, params: Json) -> Json:
        if not params.get(field):
            raise _bad(f"there is no {field} in the request")
        return _send(double, method, params, _text(params.get("caption"), limit=1024, required=False))

    return action


def _own(double: TelegramDouble, params: Json) -> tuple[Chat, Sent]:
    chat = _chat(double, params)
    message_id = int(params.get("message_id") or 0)
    sent = chat.find(message_id)
    if sent is None or sent.deleted:
        raise _bad("message can't be edited" if message_id in chat.foreign else "message to edit not found")
    return chat, sent


def edit_text(double: TelegramDouble, params: Json) -> Json:
    text = _text(params.get("text"), limit=4096, required=True)
    chat, sent = _own(double, params)
    if sent.method != "sendMessage":
        raise _bad("there is no text in the message to edit")
    buttons = _buttons(params)
    if sent.text == text and sent.buttons == buttons:
        raise _bad(
            "message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message"
        )
    sent.edits.append(sent.text)
    sent.text, sent.buttons = text, buttons
    return message_json(double, chat, sent)


def edit_markup(double: TelegramDouble, params: Json) -> Json:
    chat, sent = _own(double, params)
    buttons = _buttons(params)
    if sent.buttons == buttons:
        raise _bad("message is not modified: specified new message content and reply markup are exactly the same")
    sent.buttons = buttons
    return message_json(double, chat, sent)


def delete_message(double: TelegramDouble, params: Json) -> bool:
    _, sent = _own(double, params)
    sent.deleted = True
    return True


def copy_message(double: TelegramDouble, params: Json) -> Json:
    _chat(double, params)
    origin = double.chats.get(int(params.get("from_chat_id") or 0))
    message_id = int(params.get("message_id") or 0)
    if origin is None or (message_id not in origin.foreign and origin.find(message_id) is None):
        raise _bad("message to copy not found")
    source = origin.foreign.get(message_id, {})
    own = origin.find(message_id)
    text = str(source.get("text") or source.get("caption") or (own.text if own else ""))
    return {"message_id": _send(double, "copyMessage", params, text)["message_id"]}


def forward_message(double: TelegramDouble, params: Json) -> Json:
    copied = copy_message(double, params)
    chat = _chat(double, params)
    sent = chat.find(copied["message_id"])
    assert sent is not None
    sent.method = "forwardMessage"
    return message_json(double, chat, sent)


def answer_query(double: TelegramDouble, params: Json) -> bool:
    query_id = str(params.get("callback_query_id"))
    if query_id not in double.queries or query_id in double.answered:
        raise _bad("query is too old and response timeout expired or query ID is invalid")
    double.answered[query_id] = str(params.get("text") or "")
    return True


def create_topic(double: TelegramDouble, params: Json) -> Json:
    chat = _chat(double, params)
    if not chat.forum:
        raise _bad("the chat is not a forum")
    if not chat.bot_is_admin:
        raise _bad("not enough rights to create a topic")
    thread = chat.next_id()
    chat.topics[thread] = Topic(str(params.get("name") or ""))
    return {"message_thread_id": thread, "name": chat.topics[thread].name, "icon_color": 7322096}


def _change_topic(**changes: Any) -> Callable[[TelegramDouble, Json], bool]:
    def action(double: TelegramDouble, params: Json) -> bool:
        chat = _chat(double, params)
        if not chat.bot_is_admin:
            raise _bad("not enough rights")
        topic = chat.topics.get(int(params.get("message_thread_id") or 0))
        if topic is None or topic.deleted:
            raise _bad("TOPIC_ID_INVALID")
        if "closed" in changes and topic.closed == changes["closed"]:
            raise _bad("TOPIC_NOT_MODIFIED")
        for name, value in changes.items():
            setattr(topic, name, value)
        if params.get("name"):
            topic.name = str(params["name"])
        return True

    return action


def _admin_only(double: TelegramDouble, params: Json) -> bool:
    chat = _chat(double, params)
    if chat.kind != "private" and not chat.bot_is_admin:
        raise _bad("not enough rights to manage pinned messages in the chat")
    return True


def get_me(double: TelegramDouble, _params: Json) -> Json:
    return {
        "id": double.bot_id, "is_bot": True, "first_name": "Pendamping", "username": double.bot_username,
        "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False,
    }  # fmt: skip


def get_chat(double: TelegramDouble, params: Json) -> Json:
    return _chat(double, params).json() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {}}


def get_member(double: TelegramDouble, params: Json) -> Json:
    chat = _chat(double, params)
    user_id = int(params.get("user_id") or 0)
    if user_id == double.bot_id:
        user = {"id": user_id, "is_bot": True, "first_name": "Pendamping"}
        if not chat.bot_is_admin:
            return {"status": "member", "user": user}
        rights = ["can_be_edited", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"]
        rights += ["can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users"]
        rights += ["can_post_stories", "can_edit_stories", "can_delete_stories", "is_anonymous"]
        return {"status": "administrator", "user": user, **dict.fromkeys(rights, False), "can_manage_topics": True}
    name = chat.members.get(user_id)
    user = {"id": user_id, "is_bot": False, "first_name": name or "?"}
    return {"status": "member" if name else "left", "user": user}


def set_commands(double: TelegramDouble, params: Json) -> bool:
    commands = params.get("commands") or []
    if isinstance(commands, str):
        commands = json.loads(commands)
    for command in commands:
        if not command["command"].islower() or not 1 <= len(command["description"]) <= 256:
            raise _bad("BOT_COMMAND_INVALID")
    double.commands[f"{params.get('language_code') or ''}:{json.dumps(params.get('scope'))}"] = commands
    return True


def set_webhook(double: TelegramDouble, params: Json) -> bool:
    double.webhook_url = str(params.get("url") or "")
    return True


def delete_webhook(double: TelegramDouble, _params: Json) -> bool:
    double.webhook_url = ""
    return True


def _true(double: TelegramDouble, params: Json) -> bool:
    if params.get("chat_id"):
        _chat(double, params)
    return True


METHODS: dict[str, Callable[[Any, Json], Any]] = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_member,
    "sendMessage": send_message,
    "sendPhoto": _media("sendPhoto", "photo"),
    "sendVoice": _media("sendVoice", "voice"),
    "sendSticker": _media("sendSticker", "sticker"),
    "sendDocument": _media("sendDocument", "document"),
    "sendVideo": _media("sendVideo", "video"),
    "sendAudio": _media("sendAudio", "audio"),
    "editMessageText": edit_text,
    "editMessageReplyMarkup": edit_markup,
    "deleteMessage": delete_message,
    "copyMessage": copy_message,
    "forwardMessage": forward_message,
    "answerCallbackQuery": answer_query,
    "sendChatAction": _true,
    "setMessageReaction": _true,
    "pinChatMessage": _admin_only,
    "unpinChatMessage": _admin_only,
    "createForumTopic": create_topic,
    "editForumTopic": _change_topic(),
    "closeForumTopic": _change_topic(closed=True),
    "reopenForumTopic": _change_topic(closed=False),
    "deleteForumTopic": _change_topic(deleted=True),
    "setMyCommands": set_commands,
    "setMyDescription": _true,
    "setMyShortDescription": _true,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": lambda double, _: {
        "url": double.webhook_url,
        "has_custom_certificate": False,
        "pending_update_count": len(double.updates),
    },
}
