"""What is stored about a person: shown with /data, deleted with /hapus."""

from __future__ import annotations

import json
from typing import Any

import structlog

from bot.services.turn import Turn
from bot.store import inbox, outbox, people
from bot.store.database import vault_of
from bot.store.utterances import last_said

log = structlog.get_logger()


async def explain(turn: Turn) -> None:
    """Say what is stored, for how long, and who can read it."""
    known = turn.person.consent_at is not None
    pseudonym = turn.person.pseudonym if known else turn.text("no_pseudonym")
    await turn.say(turn.text("privacy", pseudonym=pseudonym, days=turn.desk.retention_days))


async def send_data(turn: Turn) -> None:
    """Send everything stored about the person as a JSON document."""
    person = turn.person
    if person.consent_at is None and not await last_said(turn.db, person.id, limit=1):
        await turn.say(turn.text("data_none"))
        return
    said = await last_said(turn.db, person.id, limit=100_000)
    data: dict[str, Any] = {
        "pseudonym": person.pseudonym,
        "name": people.name_of(turn.db, person),
        "chat_id": people.chat_id_of(turn.db, person),
        "role": person.role,
        "language": person.language,
        "consent_at": person.consent_at.isoformat() if person.consent_at else None,
        "first_seen_at": person.created_at.isoformat(),
        "last_topic": person.last_topic_id,
        "deleted_after_days": turn.desk.retention_days,
        "conversation": [
            {
                "at": item.created_at.isoformat(),
                "who": "you" if item.direction == "in" else "pendamping",
                "text": item.text,
                "risk_level": item.level,
                "risk_categories": list(item.categories),
            }
            for item in said
        ],
        "cases": await turn.desk.escalations.stored_data(turn.db, person),
    }
    await outbox.enqueue(
        turn.db,
        chat_id=turn.update.chat_id,
        method="sendDocument",
        params={
            "document": {"filename": "pendamping-data.json", "content": json.dumps(data, ensure_ascii=False, indent=1)},
            "caption": turn.text("data_caption"),
        },
        dedup_key=f"u{turn.update.update_id}:data",
        now=turn.now,
    )


async def ask_to_delete(turn: Turn) -> None:
    buttons = [turn.button("delete_yes", "x:yes"), turn.button("delete_no", "x:no")]
    await turn.say(turn.text("delete_ask"), buttons=buttons)


async def delete_person(turn: Turn) -> str:
    """Delete the person, what was said, and whatever still waits in inbox and outbox.

    An open case keeps what safety needs: pseudonym, chat and the case's own card, until it is closed.

    Returns:
        The conversation's id, which the dialogue model must forget too.
    """
    person, now = turn.person, turn.now
    conversation_id = str(person.id)
    kept = await turn.desk.escalations.forget_person(turn.db, person, now)
    chat_key = vault_of(turn.db).chat_key(turn.update.chat_id)
    await outbox.delete_chat(turn.db, chat_key)
    await inbox.delete_chat(turn.db, chat_key, keep=turn.update.update_id)
    await people.forget(turn.db, person, now, keep_row=kept)
    turn.db.expunge(person)
    person.consent_at = None  # what is said from here on is not kept
    await turn.say(turn.text("delete_done_case" if kept else "delete_done"))
    log.info("person.deleted", conversation_id=conversation_id)
    return conversation_id
