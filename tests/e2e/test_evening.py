"""A scripted evening: three residents, one mother, two counselors and a supervisor; from Monday 20.00 WIB on.

Runs on the Bot API double with the real risk screen and the real crisis words; only the dialogue model is a double.
`EVENING=1 pytest -s tests/e2e/test_evening.py` prints what everybody read.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from bot.store.database import Database
from tests.handoff_bench import Bench, bench_on
from tests.telegram_double import Member, TelegramDouble

EVENING = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
"""Monday 20.00 WIB."""


async def _team(bench: Bench) -> tuple[Member, Member, Member]:
    rina = await bench.counselor(9001, "Bu Rina", private=True)
    budi = await bench.counselor(9002, "Pak Budi")
    boss = await bench.counselor(9003, "Bu Kepala", supervisor=True, private=True)
    await bench.says(rina, "/jaga tambah senin 18:00-23:00")
    await bench.says(budi, "/jaga tambah senin 23:00-07:00 WIB")
    return rina, budi, boss


async def test_evening(double: TelegramDouble, sqlite_database: Database, tmp_path: Path) -> None:
    async with bench_on(double, sqlite_database, tmp_path, forum=True, real_care=True) as bench:
        bench.clock.now = EVENING
        rina, budi, _ = await _team(bench)
        siti = await bench.person(111, "Siti", pseudonym="Melati-27")
        joko = await bench.person(112, "Joko", pseudonym="Jalak-41")
        dewi = await bench.person(113, "Dewi", pseudonym="Kenanga-63")
        mother = await bench.person(114, "Bu Ani", role="family", pseudonym="Cempaka-12")
        phone = bench.double.person(9001)

        # 20.00 Joko wants to talk to somebody; nothing is burning.
        await bench.says(joko, "/konselor")
        assert "Sekarang nomor 1 di antrean" in joko.last().text

        # 20.02 Siti means it. She is told what to do now, and that somebody was called; Rina's phone rings.
        await bench.later(minutes=2)
        await bench.says(siti, "aku udah siapin obatnya, malam ini aku mau bunuh diri aja")
        crisis, called = siti.texts()[-2:]
        assert "119" in crisis
        assert "Konselor sudah aku panggil. Biasanya ada yang membalas di sini dalam 5 menit" in called
        assert "Melati-27" in phone.last().text and "obat" not in phone.last().text
        assert "nomor 1 di antrean" not in called
        await bench.says(siti, "takut sendiri")
        assert "Sambil menunggu, kita bisa menenangkan badan" in siti.last().text

        # 20.03 Rina takes Siti before Joko: that is what the queue says, too.
        await bench.later(minutes=1)
        await bench.says(rina, "/antrean")
        lines = bench.staff.last().text.splitlines()
        assert "Melati-27 · level 3" in lines[1] and "Jalak-41 · level 1" in lines[2]
        case = {row.pseudonym: row for row in await bench.cases()}
        topic = {name: row.thread_id for name, row in case.items()}
        query = rina.tap_data(f"c:take:{case['Melati-27'].id}")
        await bench.settle()
        assert bench.notice(query) == "Kasus ini sekarang kamu pegang."
        assert "Konselor Bu Rina sudah membaca pesannya" in siti.last().text
        await bench.says(rina, "Siti, aku Rina. Aku di sini. Obatnya ada di mana?", thread_id=topic["Melati-27"])
        assert siti.last().text == "👤 Bu Rina: Siti, aku Rina. Aku di sini. Obatnya ada di mana?"
        await bench.says(siti, "di meja kak")
        assert bench.staff.last().text.endswith("Melati-27: di meja kak")
        assert bench.staff.last().thread_id == topic["Melati-27"]
        siti.send_voice()
        await bench.settle()
        assert bench.staff.last().method == "copyMessage"
        await bench.says(rina, "/balas 4", thread_id=topic["Melati-27"])
        assert "jauhkan dulu benda atau obat" in siti.last().text
        await bench.says(rina, ". hubungi petugas asrama", thread_id=topic["Melati-27"])
        assert "petugas asrama" not in bench.said(siti)

        # 20.10 A mother writes about her son; the card reminds of what may be said to her.
        await bench.later(minutes=7)
        await bench.says(mother, "anak saya kejang habis minum obat, tidak sadar")
        assert "119" in bench.said(mother)
        card = next(sent for sent in reversed(bench.staff.sent) if "Cempaka-12" in sent.text and "level 3" in sent.text)
        assert "jangan katakan apakah seseorang dirawat di sini" in card.text

        # Rina is busy; at 20.15 everybody is called, and Budi, who is not on call yet, takes it.
        await bench.later(minutes=5.5)
        again = next(sent for sent in reversed(bench.staff.sent) if "Belum ada yang mengambil" in sent.text)
        assert [entity["user"]["first_name"] for entity in again.params["entities"]] == [
            "Bu Rina", "Pak Budi", "Bu Kepala"
        ]  # fmt: skip
        assert "ini lebih lama dari biasanya" in bench.said(mother)
        case = {row.pseudonym: row for row in await bench.cases()}
        topic = {name: row.thread_id for name, row in case.items()}
        budi.tap_data(f"c:take:{case['Cempaka-12'].id}")
        late = rina.tap_data(f"c:take:{case['Cempaka-12'].id}")
        await bench.settle()
        assert bench.notice(late) == "Sudah diambil Pak Budi."
        await bench.says(budi, "Ibu, sudah telepon 119?", thread_id=topic["Cempaka-12"])
        await bench.says(mother, "sudah, ambulans di jalan")
        assert bench.staff.last().text.endswith("Cempaka-12: sudah, ambulans di jalan")

        # 20.30 Siti is safe. Rina ends it; the bot says that it is the bot again.
        await bench.later(minutes=14)
        await bench.says(rina, "Terima kasih sudah menitipkan obatnya.", thread_id=topic["Melati-27"])
        rina.tap_data(f"c:close:{case['Melati-27'].id}")
        await bench.settle()
        assert "Percakapan dengan Bu Rina sudah selesai" in siti.last().text
        assert bench.staff.topics[topic["Melati-27"]].closed
        await bench.says(siti, "makasih ya bot")
        assert siti.last().text == "echo: makasih ya bot"

        # 20.35 Joko's turn; at the end he stops by himself.
        rina.tap_data(f"c:take:{case['Jalak-41'].id}")
        await bench.settle()
        await bench.says(rina, "Halo, mau cerita apa?", thread_id=topic["Jalak-41"])
        await bench.says(joko, "kangen rumah aja kak")
        await bench.says(joko, "/selesai")
        assert "obrolan dengan Bu Rina selesai" in joko.last().text

        # 22.50 Dewi is about to use; Rina hands her to Budi, whose night begins.
        bench.clock.now = datetime(2026, 3, 2, 15, 50, tzinfo=UTC)
        await bench.says(dewi, "aku mau make lagi malam ini, udah pegang barangnya")
        case = {row.pseudonym: row for row in await bench.cases()}
        assert case["Kenanga-63"].level >= 2
        thread = case["Kenanga-63"].thread_id
        rina.tap_data(f"c:take:{case['Kenanga-63'].id}")
        await bench.settle()
        await bench.says(rina, "Dewi, tunggu sebentar ya, temani aku ngobrol dulu", thread_id=thread)
        await bench.says(dewi, "iya kak")
        await bench.says(rina, "/serahkan budi", thread_id=thread)
        assert "Pak Budi melanjutkan di sini" in dewi.last().text
        await bench.says(budi, "Malam Dewi, aku Budi.", thread_id=thread)
        assert dewi.last().text == "👤 Pak Budi: Malam Dewi, aku Budi."
        for name in ("Kenanga-63", "Cempaka-12"):
            budi.tap_data(f"c:close:{case[name].id}")
            await bench.settle()

        # A day later, but not at night, the bot asks how those are who were in danger of their lives.
        await bench.later(hours=34, step_s=1800)
        assert "Kemarin berat sekali. Hari ini gimana rasanya?" in bench.said(siti)
        assert "menanyakan kabar Bapak/Ibu dan keluarga" in bench.said(mother)
        assert "Kemarin berat sekali" not in bench.said(joko)
        await bench.says(rina, "/statistik")
        assert "Level 3:" in bench.staff.last().text

        assert {row.state for row in await bench.cases()} == {"closed"}
        _nothing_leaked(bench, [siti, joko, dewi, mother])
        if os.environ.get("EVENING"):
            _print_everything(
                bench, {"Siti": siti, "Joko": joko, "Dewi": dewi, "Bu Ani": mother, "Rina (privat)": phone}
            )


def _nothing_leaked(bench: Bench, people: list[Member]) -> None:
    """Counselors never see a real name, people never see another's words or a private note."""
    group = bench.said(bench.staff)
    assert "Joko" not in group and "Bu Ani" not in group
    for one in people:
        text = bench.said(one)
        assert "/antrean" not in text and "{" not in text and "#1" not in text
    assert "{" not in group
    sent = [call for call in bench.double.calls if not call.ok and call.method != "answerCallbackQuery"]
    assert sent == []


def _print_everything(bench: Bench, chats: dict[str, Member]) -> None:
    for name, chat in {**chats, "Grup konselor": bench.staff}.items():
        print(f"\n{'=' * 30} {name}")
        for sent in chat.sent:
            where = f"[topik {sent.thread_id}] " if sent.thread_id else ""
            print(f"{where}{sent.text or f'({sent.method})'}\n{' '.join(f'[{t}]' for t, _ in sent.buttons)}".rstrip())
            print("-" * 20)
