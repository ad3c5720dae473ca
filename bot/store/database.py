"""Connections and transactions on SQLite (WAL) or PostgreSQL.

`Database.write()` and `Database.read()` are the only ways in. Look next at `models.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from bot.errors import ConfigError, StoreError
from bot.store.vault import Vault, generate_key_file, make_fernet, new_chat_secret, read_keys

_VAULT_KEY = "vault.chat_secret"


class Database:
    """One database, opened with `open_database`.

    On SQLite a transaction that writes begins with BEGIN IMMEDIATE: an upgrade from reading to writing in the middle
    would fail at once with "database is locked", whatever the busy timeout. Writers of this process queue on a lock,
    first come first served, instead of polling the file.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as exc:
            raise ConfigError("PENDAMPING_DATABASE_URL is no database address (see .env.example)") from exc
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if parsed.get_driver_name() not in {"aiosqlite", "asyncpg"}:
            raise ConfigError("PENDAMPING_DATABASE_URL: expected sqlite+aiosqlite:///FILE or postgresql+asyncpg://…")
        self.label = f"{parsed.get_backend_name()}:{Path(parsed.database or '').name}"
        options: dict[str, Any] = {"hide_parameters": True}
        if not self.is_sqlite:
            options |= {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
        self.engine: AsyncEngine = create_async_engine(url, **options)
        self._reader = self.engine
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
            self._reader = self.engine.execution_options(sqlite_begin="BEGIN")
        self._write_lock = asyncio.Lock() if self.is_sqlite else None
        self._vault: Vault | None = None

    @property
    def vault(self) -> Vault:
        if self._vault is None:
            raise StoreError("the vault is not open")
        return self._vault

    @vault.setter
    def vault(self, value: Vault) -> None:
        self._vault = value

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction that may change rows: committed at the end, rolled back on any error.

        Raises:
            StoreError: The database refused (disk full, gone, locked for too long).
        """
        async with self._write_lock or nullcontext():
            session = AsyncSession(self.engine, expire_on_commit=False, info={"vault": self._vault})
            try:
                async with session, session.begin():
                    yield session
            except SQLAlchemyError as exc:
                raise _translated(exc) from exc
            except OSError as exc:  # asyncpg's own word for a server that is not there
                raise StoreError(f"the database can't be reached: {type(exc).__name__}") from exc

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One consistent look at the rows; never waits for a writer. Raises StoreError."""
        session = AsyncSession(self._reader, expire_on_commit=False, info={"vault": self._vault})
        try:
            async with session, session.begin():
                yield session
        except SQLAlchemyError as exc:
            raise _translated(exc) from exc
        except OSError as exc:
            raise StoreError(f"the database can't be reached: {type(exc).__name__}") from exc

    async def close(self) -> None:
        await self.engine.dispose()


async def open_database(url: str, *, data_dir: Path, encryption_key: str | None) -> Database:
    """Open the database, bring its tables up to date and open the vault.

    Raises:
        ConfigError: The address, the folder or the key does not fit; the text says what to do.
    """
    from bot.store.migrate import upgrade_schema  # alembic is slow to import and needed only here

    database = Database(url)
    if database.is_sqlite:
        folder = Path(make_url(url).database or "").parent
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise ConfigError(f"The data folder {folder} can't be created: {exc.strerror}.") from exc
    try:
        await upgrade_schema(database)
        database.vault = await _open_vault(database, data_dir=data_dir, configured=encryption_key)
    except (SQLAlchemyError, OSError) as exc:
        await database.close()
        cause = getattr(exc, "orig", None) or exc
        raise ConfigError(
            f"The database {database.label} can't be opened ({type(cause).__name__}). Check PENDAMPING_DATABASE_URL, "
            "that the server runs and that the disk has room."
        ) from exc
    except BaseException:
        await database.close()
        raise
    return database


async def _open_vault(database: Database, *, data_dir: Path, configured: str | None) -> Vault:
    keys = read_keys(configured, data_dir)
    async with database.write() as db:
        stored = (await db.execute(text("SELECT value FROM kv WHERE key = :key"), {"key": _VAULT_KEY})).scalar()
        if stored is None:
            keys = keys or [generate_key_file(data_dir)]
            secret = new_chat_secret()
            sealed = make_fernet(keys).encrypt(secret).decode()
            from bot.store.models import KeyValue

            db.add(KeyValue(key=_VAULT_KEY, value=sealed, updated_at=datetime.now(UTC)))
            return Vault(keys, secret)
    if not keys:
        raise ConfigError(
            f"The database {database.label} holds encrypted data, but there is no key: restore "
            f"{data_dir / 'encryption.key'} from a backup or set PENDAMPING_ENCRYPTION_KEY."
        )
    try:
        secret = make_fernet(keys).decrypt(cast(str, stored).encode())
    except ConfigError:
        raise
    except Exception as exc:  # cryptography raises InvalidToken, binascii and type errors alike
        raise ConfigError(
            f"The encryption key does not fit the database {database.label}: it was stored with another one. "
            f"Restore {data_dir / 'encryption.key'} or PENDAMPING_ENCRYPTION_KEY; nothing was changed."
        ) from exc
    return Vault(keys, secret)


def vault_of(db: AsyncSession) -> Vault:
    """Return the vault of the database this session belongs to."""
    vault = db.info.get("vault")
    if not isinstance(vault, Vault):
        raise StoreError("this session was not made by Database.write or Database.read")
    return vault


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # isolation_level None: the driver must not begin transactions by itself, `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: an update counts as stored once Telegram was told so, also when the power fails.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=15000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))


def _translated(exc: SQLAlchemyError) -> StoreError:
    cause = exc.orig if isinstance(exc, DBAPIError) else None
    name = type(cause).__name__ if cause is not None else type(exc).__name__
    detail = cause.args[0] if isinstance(cause, sqlite3.OperationalError) and cause.args else ""
    return StoreError(f"the database refused: {name} {detail}".strip())
