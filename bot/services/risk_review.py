"""What counselors thought of the screen's levels, for those who improve it (`python -m bot risk-review`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import vault_of
from bot.store.handoff_models import RiskMark


async def list_marked(db: AsyncSession) -> list[dict[str, Any]]:
    """Return every verdict with the words it is about, oldest first.

    Rows name no person, case or counselor, and the day instead of the minute. People do write names into their
    messages, though: read the words before they leave this machine.
    """
    vault = vault_of(db)
    rows = (await db.execute(select(RiskMark).order_by(RiskMark.created_at, RiskMark.id))).scalars()
    return [
        {
            "verdict": row.verdict,
            "level": row.level,
            "categories": [part for part in row.categories.split(",") if part],
            "role": row.role,
            "language": row.language,
            "text": vault.open(row.utterance_enc),
            "evidence": list(vault.open_json(row.evidence_enc)),
            "day": row.created_at.date().isoformat(),
        }
        for row in rows
    ]
