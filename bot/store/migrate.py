"""Brings the tables up to date at the start, with Alembic inside our own connection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection

from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; there is no alembic.ini, the settings know the address."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Two gateways that start together: the second waits, then finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(7363201)"))
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as exc:
        raise ConfigError(
            "The database was written by a newer version of Pendamping. Install that version, or restore a backup."
        ) from exc


async def upgrade_schema(database: Database) -> None:
    """Run the migrations that are missing, in one transaction."""
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade)
