"""Two helpers every table module uses: insert-once on both databases, and text that any database can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.models import Base


def is_postgresql(db: AsyncSession) -> bool:
    return db.get_bind().dialect.name == "postgresql"


async def insert_once(db: AsyncSession, model: type[Base], values: Mapping[str, Any], *, unique: Sequence[str]) -> bool:
    """Insert a row unless one with the same unique columns is there. Returns True when it was inserted."""
    insert = postgresql_insert if is_postgresql(db) else sqlite_insert
    statement = insert(model).values(**values).on_conflict_do_nothing(index_elements=list(unique))
    result = cast("CursorResult[Any]", await db.execute(statement))
    return result.rowcount == 1


def changed_rows(result: Any) -> int:
    """Return how many rows an UPDATE or DELETE changed."""
    return int(cast("CursorResult[Any]", result).rowcount)
