"""Chats and people of the Bot API double, with what a test does to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.telegram_double.server import TelegramDouble

Json = dict[str, Any]


@dataclass
class Sent:
    """One message the bot has in a chat."""

    message_id: int
    method: str
    text: str
    buttons: list[tuple[str, str]]
    params: Json
    at: float
    thread_id: int | None = None
    edits: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass
class Topic:
    name: str
    closed: bool = False
    deleted: bool = False


class Chat:
    """A private chat, group or supergroup as the bot's account sees it."""

    def __init__(self, double: TelegramDouble, chat_id: int, kind: str, title: str, *, forum: bool = False) -> None:
        self.double = double
        self.chat_id = chat_id
        self.kind = kind
        self.title = title
        self.forum = forum
        self.bot_is_admin = True
        self.bot_is_member = True
        self.blocked = False
        self.migrated_to: int | None = None
        self.members: dict[int, str] = {}
        self.sent: list[Sent] = []
        self.foreign: dict[int, Json] = {}
        self.topics: dict[int, Topic] = {}
        self.own_counter = 0

    # -- facts -------------------------------------------------------------------------------------

    def json(self) -> Json:
        if self.kind == "private":
            return {"id": self.chat_id, "type": "private", "first_name": self.title}
        data: Json = {"id": self.chat_id, "type": self.kind, "title": self.title}
        if self.forum:
            data["is_forum"] = True
        return data

    def texts(self) -> list[str]:
        """What the bot's messages in this chat say now, in order."""
        with self.double.lock:
            return [sent.text for sent in self.sent if not sent.deleted]

    def last(self) -> Sent:
        with self.double.lock:
            return self.sent[-1]

    def find(self, message_id: int) -> Sent | None:
        return next((sent for sent in self.sent if sent.message_id == message_id), None)

    def wait_until(self, condition: Callable[[], Any], *, timeout_s: float = 10.0, what: str = "condition") -> Any:
        """Poll until `condition()` is truthy and return it; AssertionError with the chat's texts otherwise."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self.double.lock:
                value = condition()
            if value:
                return value
            time.sleep(0.01)
        raise AssertionError(f"{what} not seen within {timeout_s:g} s; the bot has sent: {self.texts()!r}")

    def wait_for(self, part: str, *, timeout_s: float = 10.0, after: int = 0) -> Sent:
        """Wait until one of the bot's messages (from index `after` on) contains `part`, ignoring case."""

        def found() -> Sent | None:
            return next((s for s in self.sent[after:] if part.lower() in s.text.lower()), None)

        result: Sent = self.wait_until(found, timeout_s=timeout_s, what=f"a message with {part!r}")
        return result

    def wait_count(self, count: int, *, timeout_s: float = 10.0) -> list[Sent]:
        self.wait_until(lambda: len(self.sent) >= count, timeout_s=timeout_s, what=f"{count} messages")
        return list(self.sent)

    # -- what people do ----------------------------------------------------------------------------

    def member(self, user_id: int, name: str) -> Member:
        """Add somebody to this group."""
        with self.double.lock:
            self.members[user_id] = name
        return Member(self, user_id, name)

    def next_id(self) -> int:
        if self.kind == "supergroup":
            self.own_counter += 1
            return self.own_counter
        return self.double.next_private_id()

    def migrate(self, new_chat_id: int) -> Chat:
        """Turn the group into a supergroup with another id, as Telegram does, with both service messages."""
        with self.double.lock:
            self.migrated_to = new_chat_id
            new = Chat(self.double, new_chat_id, "supergroup", self.title, forum=self.forum)
            new.members = dict(self.members)
            self.double.chats[new_chat_id] = new
            someone = Member(self, *next(iter(self.members.items()), (1, "Admin")))
        someone.service({"migrate_to_chat_id": new_chat_id})
        Member(new, someone.user_id, someone.name).service({"migrate_from_chat_id": self.chat_id})
        return new


class Member:
    """Somebody in a chat. In a private chat, `double.person(...)` returns one; its chat's methods work on it too."""

    def __init__(self, chat: Chat, user_id: int, name: str, *, language_code: str = "id") -> None:
        self.chat = chat
        self.user_id = user_id
        self.name = name
        self.language_code = language_code

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chat, name)

    def user(self) -> Json:
        return {"id": self.user_id, "is_bot": False, "first_name": self.name, "language_code": self.language_code}

    def _message(self, body: Json, *, reply_to: int | None = None, thread_id: int | None = None) -> Json:
        message: Json = {
            "message_id": self.chat.next_id(),
            "date": int(time.time()),
            "chat": self.chat.json(),
            "from": self.user(),
            **body,
        }
        if thread_id is not None:
            message |= {"message_thread_id": thread_id, "is_topic_message": True}
        if reply_to is not None:
            sent = self.chat.find(reply_to)
            origin = (
                {"id": self.chat.double.bot_id, "is_bot": True, "first_name": "Pendamping"} if sent else self.user()
            )
            message["reply_to_message"] = {
                "message_id": reply_to,
                "date": int(time.time()),
                "chat": self.chat.json(),
                "from": origin,
                "text": sent.text if sent else "…",
            }
            if sent and sent.thread_id and thread_id is None:
                message |= {"message_thread_id": sent.thread_id, "is_topic_message": True}
        self.chat.foreign[message["message_id"]] = message
        return message

    def send(self, body: Json, *, reply_to: int | None = None, thread_id: int | None = None) -> int:
        """Send any message body (Bot API fields). Returns its message_id."""
        with self.chat.double.lock:
            message = self._message(body, reply_to=reply_to, thread_id=thread_id)
            self.chat.double.push({"message": message})
            return int(message["message_id"])

    service = send

    def say(self, text: str, *, reply_to: int | None = None, thread_id: int | None = None) -> int:
        body: Json = {"text": text}
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            body["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return self.send(body, reply_to=reply_to, thread_id=thread_id)

    def send_voice(
        self, *, caption: str | None = None, thread_id: int | None = None, reply_to: int | None = None
    ) -> int:
        body: Json = {"voice": {"file_id": "voice-1", "file_unique_id": "v1", "duration": 3}}
        return self.send(body | ({"caption": caption} if caption else {}), thread_id=thread_id, reply_to=reply_to)

    def send_photo(
        self, *, caption: str | None = None, thread_id: int | None = None, reply_to: int | None = None
    ) -> int:
        body: Json = {"photo": [{"file_id": "photo-1", "file_unique_id": "p1", "width": 90, "height": 90}]}
        return self.send(body | ({"caption": caption} if caption else {}), thread_id=thread_id, reply_to=reply_to)

    def send_sticker(self, *, thread_id: int | None = None, reply_to: int | None = None) -> int:
        sticker = {
            "file_id": "sticker-1", "file_unique_id": "s1", "type": "regular", "width": 512, "height": 512,
            "is_animated": False, "is_video": False, "emoji": "😊",
        }  # fmt: skip
        return self.send({"sticker": sticker}, thread_id=thread_id, reply_to=reply_to)

    def edit(self, message_id: int, text: str) -> None:
        with self.chat.double.lock:
            message = self.chat.foreign[message_id]
            message |= {"text": text, "edit_date": int(time.time())}
            self.chat.double.push({"edited_message": dict(message)})

    def tap(self, title: str, *, message_id: int | None = None) -> str:
        """Press the newest button whose title contains `title`. Returns the callback query's id."""
        with self.chat.double.lock:
            for sent in reversed(self.chat.sent):
                if sent.deleted or (message_id is not None and sent.message_id != message_id):
                    continue
                for label, data in sent.buttons:
                    if title.lower() in label.lower():
                        return self.tap_data(data, sent)
        raise AssertionError(f"no button {title!r}; there are {[s.buttons for s in self.chat.sent if s.buttons]!r}")

    def tap_data(self, data: str, sent: Sent | None = None) -> str:
        """Press a button with this callback data, also one that no longer exists."""
        with self.chat.double.lock:
            query: Json = {
                "id": self.chat.double.next_query_id(),
                "from": self.user(),
                "chat_instance": str(self.chat.chat_id),
                "data": data,
            }
            if sent is None and self.chat.sent:
                sent = self.chat.sent[-1]
            if sent is not None:
                query["message"] = {
                    "message_id": sent.message_id,
                    "date": int(sent.at),
                    "chat": self.chat.json(),
                    "text": sent.text,
                }
                if sent.thread_id:
                    query["message"] |= {"message_thread_id": sent.thread_id, "is_topic_message": True}
            self.chat.double.push({"callback_query": query})
            return str(query["id"])

    def block_bot(self, blocked: bool = True) -> None:
        """Block (or unblock) the bot in the private chat."""
        with self.chat.double.lock:
            self.chat.blocked = blocked
            bot = {"id": self.chat.double.bot_id, "is_bot": True, "first_name": "Pendamping"}
            new = {"status": "kicked", "user": bot, "until_date": 0} if blocked else {"status": "member", "user": bot}
            old = {"status": "member", "user": bot} if blocked else {"status": "kicked", "user": bot, "until_date": 0}
            change = {
                "chat": self.chat.json(), "from": self.user(), "date": int(time.time()),
                "old_chat_member": old, "new_chat_member": new,
            }  # fmt: skip
            self.chat.double.push({"my_chat_member": change})

    def leave(self) -> None:
        """Leave the group."""
        with self.chat.double.lock:
            self.chat.members.pop(self.user_id, None)
        self.send({"left_chat_member": self.user()})

    def join(self) -> None:
        with self.chat.double.lock:
            self.chat.members[self.user_id] = self.name
        self.send({"new_chat_members": [self.user()]})
