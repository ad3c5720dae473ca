"""Raw updates of every kind become one plain value; none breaks the parser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.ports import ChatKind, UpdateKind
from bot.telegram.incoming import parse_update, to_new_update

USER = {"id": 5, "is_bot": False, "first_name": "Siti", "language_code": "id"}
CHAT = {"id": 5, "type": "private", "first_name": "Siti"}
GROUP = {"id": -5, "type": "supergroup", "title": "G", "is_forum": True}


def _message(**fields: Any) -> dict[str, Any]:
    return {"update_id": 1, "message": {"message_id": 9, "date": 1, "chat": CHAT, "from": USER, **fields}}


def test_text() -> None:
    update = parse_update(_message(text=" ha\x00lo "))
    assert (update.kind, update.chat_id, update.chat_kind, update.text, update.message_id) == (
        UpdateKind.UTTERANCE,
        5,
        ChatKind.PRIVATE,
        "halo",
        9,
    )


@pytest.mark.parametrize("kind", ["voice", "document", "sticker", "contact", "location", "photo"])
def test_attachment(kind: str) -> None:
    file = {"file_id": "f", "file_unique_id": "f"}
    bodies: dict[str, Any] = {
        "voice": {**file, "duration": 1},
        "document": file,
        "sticker": {**file, "type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False},
        "contact": {"phone_number": "1", "first_name": "A"},
        "location": {"latitude": 1.0, "longitude": 2.0},
        "photo": [{**file, "width": 1, "height": 1}],
    }
    update = parse_update(_message(**{kind: bodies[kind]}, caption="lihat"))
    assert (update.kind, update.attachment, update.text) == (UpdateKind.ATTACHMENT, kind, "lihat")


def test_button_in_a_topic() -> None:
    message = {"message_id": 3, "date": 1, "chat": GROUP, "message_thread_id": 7, "is_topic_message": True, "text": "x"}
    query = {"id": "q", "from": USER, "chat_instance": "1", "data": "c:take:1", "message": message}
    update = parse_update({"update_id": 1, "callback_query": query})
    assert update.tap is not None
    assert (update.kind, update.thread_id, update.tap.message_id) == (UpdateKind.BUTTON, 7, 3)
    assert (update.chat_kind, update.is_forum) == (ChatKind.GROUP, True)


def test_migration_and_members() -> None:
    moved = parse_update(
        {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": GROUP, "from": USER, "migrate_to_chat_id": -9}}
    )
    assert (moved.kind, moved.service, moved.migrated_to) == (UpdateKind.SERVICE, "migrated", -9)
    left = parse_update(
        {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": GROUP, "from": USER, "left_chat_member": USER}}
    )
    assert (left.service, [member.user_id for member in left.members]) == ("member_left", [5])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["chat", "id", "from", "text", "data"]), inner)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member", "poll"]), json_values
    )
)
def test_no_update_breaks_the_parser(body: dict[str, Any]) -> None:
    raw = {"update_id": 4, **body}
    assert to_new_update(raw) is not None
    assert parse_update(raw).update_id == 4


@pytest.mark.parametrize("raw", [{}, {"update_id": "4"}, {"message": {}}])
def test_what_has_no_id_is_no_update(raw: dict[str, Any]) -> None:
    assert to_new_update(raw) is None
