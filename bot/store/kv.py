"""Small facts that survive a restart, and leases for jobs that must not run twice at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.models import KeyValue, Lease
from bot.store.rows import changed_rows, insert_once

STAFF_CHAT = "staff_chat_id"
BOT_USERNAME = "bot_username"


async def get_value(db: AsyncSession, key: str) -> str | None:
    row = await db.get(KeyValue, key)
    return row.value if row else None


async def set_value(db: AsyncSession, key: str, value: str, now: datetime) -> None:
    row = await db.get(KeyValue, key)
    if row is None:
        db.add(KeyValue(key=key, value=value, updated_at=now))
        await db.flush()
    else:
        row.value, row.updated_at = value, now


async def claim_value(db: AsyncSession, key: str, value: str, now: datetime) -> bool | None:
    """Store a value that stands for something done once, such as this week's summary.

    Returns:
        True for the one who changed it, False where it was the same already, None for the first value of all. Of two
        gateways at the same moment only one changes it.
    """
    if await get_value(db, key) == value:
        return False  # nearly always: spares the ticker two writes a second
    if await insert_once(db, KeyValue, {"key": key, "value": value, "updated_at": now}, unique=["key"]):
        return None
    result = await db.execute(
        update(KeyValue).where(KeyValue.key == key, KeyValue.value != value).values(value=value, updated_at=now)
    )
    return changed_rows(result) == 1


async def staff_chat_id(db: AsyncSession, configured: int | None) -> int | None:
    """Return the counselors' chat: the configured one, or its new id after it became a supergroup."""
    moved = await get_value(db, f"{STAFF_CHAT}:{configured}")
    return int(moved) if moved else configured


async def hold_lease(db: AsyncSession, name: str, owner: str, now: datetime, *, lease_s: float) -> bool:
    """Take or renew a lease. Returns False while somebody else holds it."""
    until = now + timedelta(seconds=lease_s)
    if await insert_once(db, Lease, {"name": name, "owner": owner, "until": until}, unique=["name"]):
        return True
    result = await db.execute(
        update(Lease)
        .where(Lease.name == name, or_(Lease.owner == owner, Lease.until < now))
        .values(owner=owner, until=until)
    )
    return changed_rows(result) == 1


async def drop_lease(db: AsyncSession, name: str, owner: str, now: datetime) -> None:
    """Give a lease up, so that another gateway need not wait for its end."""
    await db.execute(update(Lease).where(Lease.name == name, Lease.owner == owner).values(until=now))
