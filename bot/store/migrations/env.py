"""Alembic's entry: runs on the connection that `bot/store/migrate.py` hands over."""

from __future__ import annotations

from alembic import context

from bot.store import handoff_models  # noqa: F401  # its tables belong to Base.metadata
from bot.store.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations through bot.store.migrate.upgrade_schema")
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
