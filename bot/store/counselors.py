"""Counselors as rows: found by their Telegram account, registered with a one-time code, on call by their shifts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.roster import Shift
from bot.store.database import vault_of
from bot.store.handoff_models import Counselor, RegistrationCode, RosterShift
from bot.store.rows import changed_rows, insert_once


def user_key(db: AsyncSession, user_id: int) -> str:
    """Return the lookup key of a counselor's account."""
    return vault_of(db).fingerprint(f"counselor:{user_id}")


async def find_counselor(db: AsyncSession, user_id: int) -> Counselor | None:
    """Return the counselor with this account, also one who left."""
    statement = select(Counselor).where(Counselor.user_key == user_key(db, user_id))
    return (await db.execute(statement)).scalar_one_or_none()


async def get_counselor(db: AsyncSession, counselor_id: int | None) -> Counselor | None:
    return await db.get(Counselor, counselor_id) if counselor_id is not None else None


async def get_or_create(db: AsyncSession, user_id: int, name: str, now: datetime) -> Counselor:
    """Return the counselor with this account; a new one is not registered yet."""
    vault = vault_of(db)
    values = {
        "user_key": user_key(db, user_id),
        "user_id_enc": vault.seal(str(user_id)),
        "name_enc": vault.seal(name),
        "is_supervisor": False,
        "can_dm": False,
        "created_at": now,
    }
    await insert_once(db, Counselor, values, unique=["user_key"])
    found = await find_counselor(db, user_id)
    assert found is not None  # noqa: S101  # inserted above
    return found


def name_of(db: AsyncSession, counselor: Counselor | None) -> str:
    return vault_of(db).open(counselor.name_enc) if counselor else ""


def user_id_of(db: AsyncSession, counselor: Counselor) -> int:
    return int(vault_of(db).open(counselor.user_id_enc))


async def anybody_registered(db: AsyncSession) -> bool:
    """Return whether registration has begun here; until then every member of the group counts as a counselor."""
    statement = select(func.count()).where(Counselor.registered_at.is_not(None))
    return bool((await db.execute(statement)).scalar_one())


async def working(db: AsyncSession) -> list[Counselor]:
    """Return everybody who may be called, by id."""
    statement = select(Counselor).where(Counselor.left_at.is_(None), Counselor.registered_at.is_not(None))
    return list((await db.execute(statement.order_by(Counselor.id))).scalars())


# --- Registration -------------------------------------------------------------------------------


async def add_code(
    db: AsyncSession, code: str, name: str, now: datetime, *, expires_at: datetime, is_supervisor: bool
) -> None:
    """Store a one-time code."""
    vault = vault_of(db)
    db.add(
        RegistrationCode(
            code_key=vault.fingerprint(f"code:{code}"),
            name_enc=vault.seal(name),
            is_supervisor=is_supervisor,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await db.flush()


async def use_code(db: AsyncSession, code: str, now: datetime) -> tuple[str, bool] | None:
    """Use up a code. Returns name and whether it is a supervisor's; None for a code that is wrong, used or old."""
    vault = vault_of(db)
    key = vault.fingerprint(f"code:{code}")
    used = await db.execute(
        update(RegistrationCode)
        .where(RegistrationCode.code_key == key, RegistrationCode.used_at.is_(None), RegistrationCode.expires_at > now)
        .values(used_at=now)
    )
    if changed_rows(used) != 1:
        return None
    row = (await db.execute(select(RegistrationCode).where(RegistrationCode.code_key == key))).scalar_one()
    return vault.open(row.name_enc), row.is_supervisor


# --- Shifts -------------------------------------------------------------------------------------


async def list_shifts(db: AsyncSession) -> list[tuple[int, Shift]]:
    """Return all shifts of working counselors with their ids, in the order of the week."""
    statement = (
        select(RosterShift)
        .join(Counselor, Counselor.id == RosterShift.counselor_id)
        .where(Counselor.left_at.is_(None))
        .order_by(RosterShift.weekday, RosterShift.start_minute, RosterShift.id)
    )
    rows = (await db.execute(statement)).scalars()
    return [(r.id, Shift(r.counselor_id, r.weekday, r.start_minute, r.end_minute, r.zone)) for r in rows]


async def add_shift(db: AsyncSession, shift: Shift) -> bool:
    """Store a shift. Returns False where the same one is there."""
    if any(known == shift for _, known in await list_shifts(db)):
        return False
    db.add(
        RosterShift(
            counselor_id=shift.counselor_id,
            weekday=shift.weekday,
            start_minute=shift.start_minute,
            end_minute=shift.end_minute,
            zone=shift.zone,
        )
    )
    await db.flush()
    return True


async def delete_shift(db: AsyncSession, shift_id: int) -> bool:
    return changed_rows(await db.execute(delete(RosterShift).where(RosterShift.id == shift_id))) == 1


async def get_shift(db: AsyncSession, shift_id: int) -> RosterShift | None:
    return await db.get(RosterShift, shift_id)
