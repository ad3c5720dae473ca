"""People: found by their chat, shown by a pseudonym, forgotten when they ask for it."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StoreError
from bot.ports import Language
from bot.store.database import vault_of
from bot.store.models import Person, Utterance
from bot.store.rows import insert_once


@cache
def _names() -> tuple[str, ...]:
    path = Path(__file__).with_name("pseudonyms.yaml")
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8"))["names"])


async def find_person(db: AsyncSession, chat_id: int) -> Person | None:
    """Return who writes in this private chat."""
    statement = select(Person).where(Person.chat_key == vault_of(db).chat_key(chat_id))
    return (await db.execute(statement)).scalar_one_or_none()


async def get_person(db: AsyncSession, person_id: uuid.UUID) -> Person | None:
    return await db.get(Person, person_id)


async def get_or_create(
    db: AsyncSession, chat_id: int, now: datetime, *, name: str = "", language: Language = Language.INDONESIAN
) -> Person:
    """Return who writes in this private chat, as a new person if nobody did before."""
    vault = vault_of(db)
    person = await find_person(db, chat_id)
    for attempt in range(50):
        if person is not None:
            person.last_seen_at = now
            if name and (person.name_enc is None or vault.open(person.name_enc) != name):
                person.name_enc = vault.seal(name)
            return person
        number = 10 + secrets.randbelow(90 if attempt < 20 else 9990)
        values = {
            "id": uuid.uuid4(),
            "pseudonym": f"{secrets.choice(_names())}-{number}",
            "chat_key": vault.chat_key(chat_id),
            "chat_id_enc": vault.seal(str(chat_id)),
            "name_enc": vault.seal(name) if name else None,
            "language": language.value,
            "language_chosen": False,
            "safety_open": False,
            "created_at": now,
        }
        taken = select(Person.id).where(Person.pseudonym == values["pseudonym"])
        if (await db.execute(taken)).first() is None:
            await insert_once(db, Person, values, unique=["chat_key"])
            person = await find_person(db, chat_id)
    raise StoreError("no free pseudonym found in 50 tries")


def chat_id_of(db: AsyncSession, person: Person) -> int:
    """Return the person's private chat."""
    return int(vault_of(db).open(person.chat_id_enc))


def name_of(db: AsyncSession, person: Person) -> str:
    """Return the first name the person has on Telegram, "" if unknown."""
    return vault_of(db).open(person.name_enc) if person.name_enc else ""


async def forget(db: AsyncSession, person: Person, now: datetime, *, keep_row: bool) -> None:
    """Delete what a person said and, unless an open case needs the row, the person."""
    await db.execute(delete(Utterance).where(Utterance.person_id == person.id))
    if not keep_row:
        await db.execute(delete(Person).where(Person.id == person.id))
        return
    await db.execute(
        update(Person)
        .where(Person.id == person.id)
        .values(
            name_enc=None,
            consent_at=None,
            role=None,
            last_topic_id=None,
            deleted_at=now,
            safety_asked_at=None,
            safety_open=False,
        )
    )
