"""Deadlines, the roster, reminders and summaries, on a clock the test sets; two gateways on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.store import people
from bot.store.database import Database, open_database
from bot.store.handoff_models import CaseEvent
from bot.store.models import OutboxRow
from tests.doubles import FakeAssessment
from tests.handoff_bench import MONDAY_NOON, Bench, bench_on
from tests.telegram_double import Member, TelegramDouble


@pytest.fixture
async def bench(double: TelegramDouble, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(double, sqlite_database, tmp_path) as running:
        yield running


def mentioned(bench: Bench, index: int = -1) -> list[str]:
    entities = bench.staff.sent[index].params.get("entities") or []
    return [entity["user"]["first_name"] for entity in entities]


async def on_duty(bench: Bench, member: Member, hours: str) -> None:
    await bench.says(member, f"/jaga tambah {hours}")


async def test_on_call_first_then_everybody_then_the_supervisor(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.counselor(9002, "Pak Budi")
    await bench.counselor(9003, "Bu Kepala", supervisor=True)
    await on_duty(bench, rina, "senin 08:00-16:00")
    await bench.says(siti, "L3")
    assert mentioned(bench) == ["Bu Rina"]
    await bench.later(minutes=4.5)
    assert mentioned(bench) == ["Bu Rina"]
    await bench.later(minutes=1)
    assert mentioned(bench) == ["Bu Rina", "Pak Budi", "Bu Kepala"]
    await bench.later(minutes=5)
    assert mentioned(bench)[0] == "Bu Kepala"
    assert "Supervisor: Bu Kepala" in bench.staff.last().text


async def test_pages_repeat_at_growing_intervals_until_somebody_takes_it(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.later(minutes=15.5)
    pages = [text for text in bench.staff.texts() if "Belum ada yang mengambil" in text]
    assert [page.split("sudah ")[1].split(".")[0] for page in pages] == [
        "1 menit", "2 menit", "4 menit", "5 menit", "10 menit", "15 menit"
    ]  # fmt: skip
    await bench.taps(rina, "Ambil")
    count = len(bench.staff.texts())
    await bench.says(rina, "halo", reply_to=bench.staff.last().message_id)
    await bench.later(minutes=30)
    assert len(bench.staff.texts()) == count


async def test_many_cases_are_paged_together_within_telegrams_limit(bench: Bench) -> None:
    await bench.counselor(9001, "Bu Rina")
    for number in range(12):
        await bench.says(await bench.person(200 + number, f"P{number}"), "L3")
    first = len(bench.staff.texts())
    await bench.later(minutes=10, step_s=5)
    repeated = len(bench.staff.texts()) - first
    assert repeated <= 10 * 8
    assert any("Belum ada yang mengambil" in text and "kasus:" in text for text in bench.staff.texts())


async def test_nobody_on_call_is_said_honestly_and_everybody_is_paged(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.counselor(9002, "Pak Budi")
    await on_duty(bench, rina, "selasa 08:00-16:00")
    await bench.says(siti, "L2")
    assert "sekarang tidak ada yang sedang berjaga. Jam jaga berikutnya besok pukul 08.00 WIB" in siti.last().text
    assert "NUMBERS 112 119" in siti.last().text
    assert mentioned(bench) == ["Bu Rina", "Pak Budi"]
    assert "Tidak ada yang tercatat jaga sekarang" in bench.staff.last().text
    dewi = await bench.person(112, "Dewi")
    await bench.says(dewi, "/konselor")
    assert "di luar jam jaga; konselor berjaga lagi besok pukul 08.00 WIB" in dewi.last().text


async def test_midnight_shift_in_another_zone(bench: Bench) -> None:
    """Sunday 23.00 to Monday 05.00 WIT is Sunday 21.00 to Monday 03.00 WIB."""
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.counselor(9002, "Pak Budi")
    await on_duty(bench, rina, "minggu 23-5 WIT")
    bench.clock.now = datetime(2026, 3, 8, 19, 30, tzinfo=UTC)  # Monday 02.30 WIB
    await bench.says(siti, "L2")
    assert mentioned(bench) == ["Bu Rina"]
    bench.clock.now = datetime(2026, 3, 8, 20, 30, tzinfo=UTC)
    await bench.says(await bench.person(112, "Dewi"), "L2")
    assert mentioned(bench) == ["Bu Rina", "Pak Budi"]
    assert "Tidak ada yang tercatat jaga" in bench.staff.last().text


async def test_private_ring_says_nothing_that_belongs_to_the_group(bench: Bench) -> None:
    siti, rina = await bench.person(111, pseudonym="Melati-27"), await bench.counselor(9001, "Bu Rina", private=True)
    await on_duty(bench, rina, "senin 08:00-16:00")
    await bench.says(siti, "L3 rahasia")
    phone = bench.double.person(9001)
    assert phone.last().text == "🔔 Kasus level 3 menunggu di grup konselor: Melati-27 (#1)."
    phone.chat.blocked = True
    await bench.taps(rina, "Ambil")
    await bench.taps(rina, "Selesai")
    await bench.says(siti, "L3 lagi")
    rings = len(phone.texts())
    phone.chat.blocked = False
    await bench.later(minutes=6)
    assert len(phone.texts()) == rings


async def test_person_is_told_that_it_takes_longer(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "L2")
    await bench.later(minutes=14)
    assert "lebih lama dari biasanya" not in bench.said(siti)
    await bench.later(minutes=2)
    assert "ini lebih lama dari biasanya" in siti.last().text
    assert "NUMBERS 112 119" in siti.last().text
    await bench.later(hours=12, step_s=300)
    assert bench.said(siti).count("ini lebih lama dari biasanya") == 5


async def test_waiting_request_is_told_its_place(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "/konselor")
    await bench.later(minutes=61)
    assert "antreannya lebih lama dari biasanya. Masih nomor 1 di antrean" in siti.last().text


async def test_silent_counselor_is_reminded_and_then_relieved(bench: Bench) -> None:
    siti, rina = await bench.person(111, pseudonym="Melati-27"), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    await bench.later(minutes=16)
    reminders = [text for text in bench.staff.texts() if "menunggu balasan Bu Rina." in text]
    assert [text.split("sudah ")[1].split(" menunggu")[0] for text in reminders] == ["5 menit", "10 menit", "15 menit"]
    await bench.later(minutes=5)
    assert "kembali ke antrean. Bu Rina belum membalas." in bench.said(bench.staff)
    assert "Bu Rina tidak bisa melanjutkan sekarang" in siti.last().text
    assert (await bench.case()).state == "open"


async def test_counselor_who_writes_is_not_reminded(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    await bench.says(rina, "halo", reply_to=bench.staff.last().message_id)
    await bench.later(minutes=60)
    assert "menunggu balasan" not in bench.said(bench.staff)


async def closed_emergency(bench: Bench) -> tuple[Member, Member]:
    siti, rina = await bench.person(111, pseudonym="Melati-27"), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    await bench.says(rina, "halo", reply_to=bench.staff.last().message_id)
    await bench.taps(rina, "Selesai")
    return siti, rina


async def test_day_after_an_emergency_somebody_asks(bench: Bench) -> None:
    siti, _ = await closed_emergency(bench)
    await bench.later(hours=23.9, step_s=1800)
    assert "Kemarin berat sekali" not in bench.said(siti)
    await bench.later(hours=0.2, step_s=60)
    assert "Kemarin berat sekali" in siti.last().text
    siti.tap("Lebih baik")
    await bench.settle()
    assert "senang dengarnya" in siti.last().text
    assert "lebih baik" in bench.staff.last().text
    await bench.later(hours=30, step_s=3600)
    assert bench.said(siti).count("Kemarin berat sekali") == 1


async def test_still_hard_calls_again(bench: Bench) -> None:
    siti, _ = await closed_emergency(bench)
    await bench.later(hours=24.1, step_s=1800)
    siti.tap("Masih berat")
    await bench.settle()
    assert "aku panggil konselor lagi sekarang" in bench.said(siti)
    rows = await bench.cases()
    assert (rows[-1].state, rows[-1].level) == ("open", 2)


async def test_check_in_is_left_out_for_who_blocked_or_is_looked_after(bench: Bench) -> None:
    siti, _rina = await closed_emergency(bench)
    bench.clock.forward(13 * 3600)
    await bench.says(siti, "/konselor")
    await bench.later(hours=12, step_s=1800)
    assert "Kemarin berat sekali" not in bench.said(siti)


async def test_weekly_summary_goes_once_to_the_supervisor_as_text_and_picture(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.counselor(9003, "Bu Kepala", supervisor=True, private=True)
    await bench.tick()
    await bench.says(siti, "L3")
    bench.clock.forward(60)
    await bench.taps(rina, "Ambil")
    await bench.taps(rina, "Selesai")
    bench.clock.now = datetime(2026, 3, 9, 0, 59, tzinfo=UTC)  # Monday 07.59 WIB
    await bench.tick()
    boss = bench.double.person(9003)
    assert "Ringkasan mingguan" not in bench.said(boss)
    await bench.later(minutes=3)
    assert bench.said(boss).count("📊 Ringkasan mingguan Pendamping") == 1
    assert "Level 3: 1 kasus" in bench.said(boss)
    (photo,) = [sent for sent in boss.sent if sent.method == "sendPhoto"]
    assert photo.params["photo"]["body"].startswith(b"\x89PNG")


async def test_quiet_week_sends_no_picture_and_without_a_supervisor_the_group_reads_it(bench: Bench) -> None:
    await bench.tick()
    bench.clock.now = MONDAY_NOON + timedelta(days=7)
    await bench.tick()
    assert "Tidak ada kasus dalam 7 hari" in bench.staff.last().text
    assert bench.double.called("sendPhoto") == []


async def test_closed_cases_go_after_the_retention_time(
    double: TelegramDouble, sqlite_database: Database, tmp_path: Path
) -> None:
    async with bench_on(double, sqlite_database, tmp_path, retention_days=30) as bench:
        await closed_emergency(bench)
        bench.clock.forward(31 * 24 * 3600)
        await bench.tick()
        assert await bench.cases() == []


async def test_deadlines_can_be_set(double: TelegramDouble, sqlite_database: Database, tmp_path: Path) -> None:
    minutes = {"first_response_emergency_minutes": 2, "first_response_urgent_minutes": 8}
    async with bench_on(double, sqlite_database, tmp_path, **minutes) as bench:
        await bench.says(await bench.person(111), "L3")
        await bench.says(await bench.person(112), "L2")
        assert [(row.due_at - row.asked_at).total_seconds() / 60 for row in await bench.cases() if row.due_at] == [2, 8]


async def test_clock_that_jumps_back_does_no_harm(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    bench.clock.forward(-600)
    await bench.tick()
    assert await bench.taps(rina, "Ambil") == "Kasus ini sekarang kamu pegang."
    await bench.says(rina, "/antrean")
    assert "baru saja" in bench.staff.last().text


# --- Two gateways on one database ---------------------------------------------------------------


@pytest.fixture
async def two_gateways(
    double: TelegramDouble, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two gateways that share one PostgreSQL."""
    if database.is_sqlite:
        pytest.skip("a SQLite file has one gateway")
    other = await open_database(database_url, data_dir=tmp_path, encryption_key=None)
    try:
        async with (
            bench_on(double, database, tmp_path, worker_id="one") as one,
            bench_on(double, other, tmp_path, worker_id="two") as two,
        ):
            yield one, two
    finally:
        await other.close()


async def test_two_gateways_never_do_a_deadline_twice(two_gateways: tuple[Bench, Bench]) -> None:
    one, two = two_gateways
    for number in range(6):
        await one.says(await one.person(300 + number, f"P{number}"), "L3")
    for minute in range(1, 12):
        now = MONDAY_NOON + timedelta(minutes=minute)

        async def tick(bench: Bench, now: datetime = now) -> None:
            async with bench.database.write() as db:
                await bench.desk.tick(db, now)

        await asyncio.gather(tick(one), tick(two))
    async with one.database.read() as db:
        kinds = list((await db.execute(select(CaseEvent.kind))).scalars())
        rows = list((await db.execute(select(OutboxRow.dedup_key))).scalars())
    assert kinds.count("told_slower") == 6
    assert len(rows) == len(set(rows))
    # 1, 2, 4, 5 and 10 minutes: five repeats of each of the six cases, alone or along with others.
    assert kinds.count("paged_again") + kinds.count("paged_along") == 6 * 5


async def test_two_gateways_and_one_person_make_one_case_and_one_taker(two_gateways: tuple[Bench, Bench]) -> None:
    one, two = two_gateways
    await one.person(111)

    async def risk(bench: Bench, words: str) -> None:
        async with bench.database.write() as db:
            person = await people.find_person(db, 111)
            assert person is not None
            assessment = FakeAssessment(3, ("suicide",))
            await bench.desk.raise_risk(db, person, assessment, words, bench.clock())

    await asyncio.gather(*[risk(bench, f"kata {n}") for n in range(4) for bench in (one, two)])
    assert len(await one.cases()) == 1
    await one.settle()
    assert all(f"kata {n}" in one.said(one.staff) for n in range(4))


async def test_new_risk_after_the_person_ended_a_taken_case_reminds_its_counselor(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L2")
    await bench.taps(rina, "Ambil")
    await bench.says(rina, "halo", reply_to=bench.staff.last().message_id)
    await bench.says(siti, "/selesai")
    await bench.later(minutes=15)
    await bench.says(siti, "L3 sekarang")
    await bench.later(minutes=20)
    assert any("menunggu balasan Bu Rina." in text for text in bench.staff.texts())


async def test_a_step_of_the_clock_that_fails_does_not_stop_the_pages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken step")

    monkeypatch.setattr("bot.services.escalation.send_weekly", broken)
    monkeypatch.setattr("bot.services.engine.escalate_silence", broken)
    siti = await bench.person(111)
    await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.later(minutes=3)
    assert any("Belum ada yang mengambil" in text for text in bench.staff.texts())
