"""The store on SQLite and PostgreSQL: order, leases, encryption, migrations, retention."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from bot.errors import ConfigError, StoreError
from bot.ports import Lane
from bot.store import inbox, kv, outbox, people, retention
from bot.store.database import Database, open_database, vault_of
from bot.store.inbox import ClaimLostError, NewUpdate
from bot.store.models import Base, InboxRow, InboxState, OutboxRow, Person, Utterance
from bot.store.reviews import add_feedback
from bot.store.utterances import add_utterance, last_said
from bot.store.vault import generate_key_file, read_keys

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def _update(update_id: int, chat_id: int = 1, **payload: Any) -> NewUpdate:
    return NewUpdate(update_id, chat_id, {"text": "rahasia", **payload})


async def _claim(database: Database, worker: str = "a", now: datetime = NOW, limit: int = 10) -> list[InboxRow]:
    async with database.write() as db:
        return await inbox.claim_dialogue(db, now, worker_id=worker, lease_s=60, limit=limit)


async def _to_dialogue(database: Database, *updates: NewUpdate) -> None:
    async with database.write() as db:
        await inbox.store_updates(db, updates, NOW)
        await db.execute(text("UPDATE inbox SET state = 'dialogue'"))


# --- Schema and keys ----------------------------------------------------------------------------


async def test_migrations_make_what_the_models_say(database: Database) -> None:
    def difference(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)

    import bot.store.handoff_models  # noqa: F401  # its tables belong to the same metadata

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_second_start_finds_everything_again(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        opened = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
        async with opened.write() as db:
            person = await people.get_or_create(db, 42, NOW, name="Siti")
            pseudonym = person.pseudonym
        await opened.close()
    opened = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
    async with opened.read() as db:
        found = await people.find_person(db, 42)
        assert found is not None
        assert (found.pseudonym, people.name_of(db, found), people.chat_id_of(db, found)) == (pseudonym, "Siti", 42)
    await opened.close()


async def test_wrong_key_is_a_clear_error(database_url: str, tmp_path: Path) -> None:
    await (await open_database(database_url, data_dir=tmp_path, encryption_key=None)).close()
    other = generate_key_file(tmp_path / "other")
    with pytest.raises(ConfigError, match="does not fit"):
        await open_database(database_url, data_dir=tmp_path, encryption_key=other)
    with pytest.raises(ConfigError, match="no Fernet key"):
        await open_database(database_url, data_dir=tmp_path, encryption_key="short")
    (tmp_path / "encryption.key").unlink()
    with pytest.raises(ConfigError, match="there is no key"):
        await open_database(database_url, data_dir=tmp_path, encryption_key=None)


async def test_key_can_be_rotated(database_url: str, tmp_path: Path) -> None:
    first = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
    async with first.write() as db:
        await people.get_or_create(db, 42, NOW, name="Siti")
    await first.close()
    old = read_keys(None, tmp_path)[0]
    new = generate_key_file(tmp_path / "new")
    rotated = await open_database(database_url, data_dir=tmp_path, encryption_key=f"{new},{old}")
    async with rotated.write() as db:
        person = await people.get_or_create(db, 42, NOW)
        assert people.name_of(db, person) == "Siti"
    await rotated.close()


async def test_key_file_is_private(sqlite_database: Database, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "encryption.key").stat().st_mode) == 0o600


def _everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("test.db*"))


async def test_nothing_readable_lies_on_disk(sqlite_database: Database, tmp_path: Path) -> None:
    async with sqlite_database.write() as db:
        person = await people.get_or_create(db, 987654321, NOW, name="Siti Aminah")
        await add_utterance(db, person.id, "kalimat rahasia", NOW)
        await inbox.store_updates(db, [_update(1, 987654321, text="kalimat rahasia")], NOW)
        await _enqueue(db, 1, 987654321, text="kalimat rahasia")
    content = _everything_in(tmp_path)
    for secret in (b"kalimat rahasia", b"Siti Aminah", b"987654321"):
        assert secret not in content


async def test_address_that_does_not_fit_is_a_clear_error(tmp_path: Path) -> None:
    for url in ("mysql://x", "postgresql://x/y", "nonsense"):
        with pytest.raises(ConfigError):
            await open_database(url, data_dir=tmp_path, encryption_key=None)
    with pytest.raises(ConfigError, match="can't be opened"):
        await open_database("postgresql+asyncpg://x@127.0.0.1:1/y", data_dir=tmp_path, encryption_key=None)
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match="can't be opened"):
        await open_database(f"sqlite+aiosqlite:///{tmp_path / 'broken.db'}", data_dir=tmp_path, encryption_key=None)


async def test_database_of_a_newer_version_is_left_alone(database_url: str, tmp_path: Path) -> None:
    opened = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
    async with opened.write() as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await opened.close()
    with pytest.raises(ConfigError, match="newer version"):
        await open_database(database_url, data_dir=tmp_path, encryption_key=None)


async def test_error_rolls_everything_back(database: Database) -> None:
    with pytest.raises(StoreError):
        async with database.write() as db:
            await inbox.store_updates(db, [_update(1)], NOW)
            await db.execute(text("SELECT * FROM no_such_table"))
    async with database.read() as db:
        assert list((await db.execute(select(InboxRow))).scalars()) == []


# --- Inbox --------------------------------------------------------------------------------------


async def test_update_is_stored_once(database: Database) -> None:
    async with database.write() as db:
        assert await inbox.store_updates(db, [_update(1), _update(2), _update(1)], NOW) == 2
    async with database.write() as db:
        assert await inbox.store_updates(db, [_update(2)], NOW) == 0


async def test_only_the_oldest_of_a_chat_is_taken(database: Database) -> None:
    async with database.write() as db:
        await inbox.store_updates(db, [_update(3), _update(1), _update(2, 2)], NOW)
        assert [row.update_id for row in await inbox.take_new(db, NOW)] == [1, 2]


async def test_dialogue_waits_for_the_earlier_row(database: Database) -> None:
    await _to_dialogue(database, _update(1), _update(2), _update(3, 9))
    assert [row.update_id for row in await _claim(database)] == [1, 3]
    assert await _claim(database) == []


async def test_lease_runs_out(database: Database) -> None:
    await _to_dialogue(database, _update(1))
    [row] = await _claim(database, "a")
    [again] = await _claim(database, "b", NOW + timedelta(seconds=61))
    assert again.attempts == 2
    with pytest.raises(ClaimLostError):
        async with database.write() as db:
            await inbox.finish_dialogue(db, row, NOW, worker_id="a")
    async with database.write() as db:
        await inbox.finish_dialogue(db, again, NOW, worker_id="b")


async def test_restart_frees_own_rows_only(database: Database) -> None:
    await _to_dialogue(database, _update(1), _update(2, 2))
    await _claim(database, "a", limit=1)
    await _claim(database, "b", limit=1)
    async with database.write() as db:
        assert await inbox.release_worker(db, "a") == 1
    assert [row.update_id for row in await _claim(database, "a")] == [1]


async def test_two_gateways_never_claim_the_same_row(database: Database) -> None:
    await _to_dialogue(database, *[_update(number, number) for number in range(1, 41)])
    claimed = await asyncio.gather(*[_claim(database, f"w{n}", limit=5) for n in range(12)])
    taken = [row.update_id for rows in claimed for row in rows]
    assert len(taken) == len(set(taken))
    while rest := await _claim(database, "last"):
        taken += [row.update_id for row in rest]
    assert sorted(taken) == list(range(1, 41))


# --- Outbox -------------------------------------------------------------------------------------


async def _enqueue(db: Any, number: int, chat_id: int = 1, *, lane: Lane = Lane.ORDINARY, text: str = "x") -> bool:
    return await outbox.enqueue(
        db, chat_id=chat_id, method="sendMessage", params={"text": text}, dedup_key=f"k{number}", now=NOW, lane=lane
    )


async def _candidates(database: Database, now: datetime = NOW) -> list[int]:
    async with database.read() as db:
        return [candidate.outbox_id for candidate in await outbox.find_candidates(db, now)]


async def test_same_cause_is_queued_once(database: Database) -> None:
    async with database.write() as db:
        assert [await _enqueue(db, 1), await _enqueue(db, 1), await _enqueue(db, 2)] == [True, False, True]


async def test_priority_overtakes_and_a_busy_chat_waits(database: Database) -> None:
    async with database.write() as db:
        await _enqueue(db, 1)
        await _enqueue(db, 2)
        await _enqueue(db, 3, lane=Lane.PRIORITY)
        await _enqueue(db, 4, chat_id=2)
    found = await _candidates(database)
    async with database.read() as db:
        order = {row.id: row.dedup_key for row in (await db.execute(select(OutboxRow))).scalars()}
    assert [order[i] for i in found] == ["k3", "k1", "k4"]
    async with database.write() as db:
        [first] = await outbox.claim(db, found[:2], NOW, worker_id="a", lease_s=60)
    assert [order[i] for i in await _candidates(database)] == ["k4"]
    async with database.write() as db:
        assert await outbox.mark_sent(db, first, NOW, worker_id="a", message_id=5)
    assert [order[i] for i in await _candidates(database)] == ["k1", "k4"]


async def test_row_of_a_dead_sender_comes_back_unsure(database: Database) -> None:
    async with database.write() as db:
        await _enqueue(db, 1)
    found = await _candidates(database)
    async with database.write() as db:
        await outbox.claim(db, found, NOW, worker_id="a", lease_s=60)
        assert await outbox.release(db, NOW + timedelta(seconds=30)) == 0
        assert await outbox.release(db, NOW + timedelta(seconds=61)) == 1
    later = NOW + timedelta(seconds=63)
    async with database.write() as db:
        [row] = await outbox.claim(db, await _candidates(database, later), later, worker_id="b", lease_s=60)
    assert (row.unsure, row.attempts) == (True, 2)


async def test_two_senders_never_claim_the_same_row(database: Database) -> None:
    async with database.write() as db:
        for number in range(30):
            await _enqueue(db, number, chat_id=number)
    found = await _candidates(database)

    async def claim(worker: str) -> list[int]:
        async with database.write() as db:
            rows = await outbox.claim(db, found, NOW, worker_id=worker, lease_s=60)
        return [row.outbox_id for row in rows]

    claimed = [i for ids in await asyncio.gather(*[claim(f"w{n}") for n in range(4)]) for i in ids]
    assert sorted(claimed) == sorted(found)


async def test_probe_starts_above_every_known_id(database: Database) -> None:
    async with database.write() as db:
        await inbox.store_updates(
            db, [NewUpdate(1, 7, {}, 40), NewUpdate(2, 8, {}, 44), NewUpdate(3, -5, {}, 900)], NOW
        )
        await _enqueue(db, 1, 7)
    async with database.write() as db:
        [row] = await outbox.claim(db, await _candidates(database), NOW, worker_id="a", lease_s=60)
        assert row.probe_after == 44
        known = await outbox.known_message_ids(db, after=40, up_to=1000, chat_key=row.chat_key, is_group=False)
    assert known == {44}


# --- People, leases, retention ------------------------------------------------------------------


async def test_pseudonym_stays_and_is_not_shared(database: Database) -> None:
    async with database.write() as db:
        names = {(await people.get_or_create(db, chat, NOW)).pseudonym for chat in range(60)}
    assert len(names) == 60
    assert all("-" in name for name in names)


async def test_lone_surrogates_can_be_stored(database: Database) -> None:
    async with database.write() as db:
        person = await people.get_or_create(db, 1, NOW, name="\ud83d")
        await add_utterance(db, person.id, "a\ud83d\x00b", NOW)
        assert (await last_said(db, person.id, limit=1))[0].text == "a?\x00b"


async def test_lease_has_one_holder(database: Database) -> None:
    async with database.write() as db:
        assert await kv.hold_lease(db, "poller", "a", NOW, lease_s=30)
        assert not await kv.hold_lease(db, "poller", "b", NOW, lease_s=30)
        assert await kv.hold_lease(db, "poller", "a", NOW, lease_s=30)
        assert await kv.hold_lease(db, "poller", "b", NOW + timedelta(seconds=31), lease_s=30)


async def test_second_vote_under_the_same_answer_changes_nothing(database: Database) -> None:
    async with database.write() as db:
        vote = {"key": "a.b", "language": "id", "chat_id": 1, "message_id": 2, "now": NOW}
        assert await add_feedback(db, helped=True, **vote)
        assert not await add_feedback(db, helped=False, **vote)


async def test_retention_keeps_what_is_young_or_unfinished(database: Database) -> None:
    old = NOW - timedelta(days=200)
    async with database.write() as db:
        person = await people.get_or_create(db, 1, old)
        await add_utterance(db, person.id, "lama", old)
        await add_utterance(db, person.id, "baru", NOW)
        await inbox.store_updates(db, [_update(1), _update(2, 2), _update(3, 3)], old)
        for row in (await db.execute(select(InboxRow).where(InboxRow.update_id > 1))).scalars():
            row.state, row.done_at = InboxState.DONE.value, old if row.update_id == 2 else NOW
        await db.flush()
        assert await retention.purge(db, NOW, retention_days=180, payload_days=7) == 2
        assert [said.text for said in await last_said(db, person.id, limit=9)] == ["baru"]
        assert sorted((await db.execute(select(InboxRow.update_id))).scalars()) == [1, 3]


async def test_forgetting_takes_the_utterances_along(database: Database) -> None:
    async with database.write() as db:
        person = await people.get_or_create(db, 1, NOW)
        await add_utterance(db, person.id, "x", NOW)
        await people.forget(db, person, NOW, keep_row=False)
    async with database.read() as db:
        assert list((await db.execute(select(Utterance))).scalars()) == []
        assert list((await db.execute(select(Person))).scalars()) == []


async def test_session_made_elsewhere_has_no_vault(database: Database) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(database.engine) as db:
        with pytest.raises(StoreError):
            vault_of(db)
