"""The life of a case between a person and the counselors' group, on the Bot API double and a clock the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.store.database import Database
from tests.handoff_bench import STAFF, Bench, bench_on
from tests.telegram_double import Member, TelegramDouble


@pytest.fixture
async def bench(double: TelegramDouble, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(double, sqlite_database, tmp_path) as running:
        yield running


@pytest.fixture
async def forum(double: TelegramDouble, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(double, sqlite_database, tmp_path, forum=True) as running:
        yield running


# --- Opening, merging, reopening ----------------------------------------------------------------


async def test_card_shows_what_a_counselor_needs(bench: Bench) -> None:
    siti = await bench.person(111, pseudonym="Melati-27")
    await bench.says(siti, "halo")
    await bench.says(siti, "L3 mau mati")
    card = bench.staff.last()
    for part in ("DARURAT (level 3) · Melati-27 · #1", "keinginan bunuh diri", "Residen", "12.00 WIB", "“L3 mau mati”",
                 "Yang memicu: L3", "› halo", "‹ echo: halo", "Target: 12.05 WIB"):  # fmt: skip
        assert part in card.text
    assert "CRISIS" not in card.text
    assert [title for title, _ in card.buttons] == [
        "Ambil", "Riwayat", "Terlalu tinggi", "Alarm palsu", "Terlalu rendah", "Selesai"
    ]  # fmt: skip


async def test_family_card_reminds_of_confidentiality(bench: Bench) -> None:
    mother = await bench.person(112, "Bu Ani", role="family")
    await bench.says(mother, "L3 anak saya")
    assert "tentang orang lain. Rahasiakan" in bench.staff.last().text


async def test_second_risk_is_merged_and_shown(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "L2 satu")
    await bench.says(siti, "L2 dua")
    assert len(await bench.cases()) == 1
    assert bench.staff.last().text.endswith(": L2 dua")
    assert bench.staff.last().text.startswith("⚠️")
    assert bench.said(bench.staff).count("L2 dua") == 1


async def test_crisis_reply_is_not_repeated_word_for_word_while_humans_talk(bench: Bench) -> None:
    siti = await bench.person(111)
    for number in range(4):
        await bench.says(siti, f"L3 {number}")
    assert bench.said(siti).count("CRISIS 3") == 1
    assert "Sambil menunggu" in bench.said(siti)
    bench.clock.forward(11 * 60)
    await bench.says(siti, "L3 lagi")
    assert bench.said(siti).count("CRISIS 3") == 2


async def test_higher_risk_pages_again_with_the_higher_level(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "L2 satu")
    await bench.says(siti, "L3 dua")
    assert "DARURAT (level 3)" in bench.staff.last().text
    assert (await bench.case()).level == 3


async def test_risk_after_closing_reopens_the_same_case_and_much_later_opens_another(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L2 satu")
    await bench.taps(rina, "Ambil")
    await bench.taps(rina, "Selesai")
    await bench.says(siti, "L3 lagi")
    assert (await bench.case()).state == "open"
    assert "dibuka lagi" in bench.said(bench.staff)
    await bench.taps(rina, "Ambil")
    await bench.taps(rina, "Selesai")
    bench.clock.forward(13 * 3600)
    await bench.says(siti, "L2 besoknya")
    assert len(await bench.cases()) == 2


# --- Taking -------------------------------------------------------------------------------------


async def test_taking_tells_the_person_who_is_there_and_updates_the_card(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    card = bench.staff.last()
    assert await bench.taps(rina, "Ambil") == "Kasus ini sekarang kamu pegang."
    assert "Konselor Bu Rina sudah membaca pesannya" in siti.last().text
    assert "Dipegang Bu Rina." in card.text
    assert "Ambil" not in [title for title, _ in card.buttons]


async def test_two_who_tap_in_the_same_second_one_gets_it(bench: Bench) -> None:
    siti = await bench.person(111)
    rina, budi = await bench.counselor(9001, "Bu Rina"), await bench.counselor(9002, "Pak Budi")
    await bench.says(siti, "L3")
    first, second = rina.tap("Ambil"), budi.tap("Ambil")
    await bench.settle()
    assert bench.notice(first) == "Kasus ini sekarang kamu pegang."
    assert bench.notice(second) == "Sudah diambil Bu Rina."
    assert bench.said(siti).count("sudah membaca pesannya") == 1
    assert (
        await bench.taps(rina, "Ambil") == "Kasus ini sudah kamu pegang."
        if "Ambil" in str(bench.staff.last())
        else True
    )


async def test_stranger_is_refused_and_never_relayed(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.counselor(9001, "Bu Rina")
    stranger = bench.staff.member(6666, "Orang Asing")
    await bench.says(siti, "L3")
    card = bench.staff.last()
    before = len(siti.texts())
    assert "belum terdaftar" in await bench.taps(stranger, "Ambil")
    await bench.says(stranger, "halo, aku konselor", reply_to=card.message_id)
    await bench.says(stranger, "/antrean")
    await bench.says(stranger, "ngobrol biasa")
    assert len(siti.texts()) == before
    assert bench.said(bench.staff).count("Orang Asing, kamu belum terdaftar") == 1
    assert (await bench.case()).state == "open"


async def test_before_anybody_registered_every_member_can_help(bench: Bench) -> None:
    siti, rina = await bench.person(111), bench.staff.member(9001, "Bu Rina")
    await bench.says(siti, "L3")
    assert await bench.taps(rina, "Ambil") == "Kasus ini sekarang kamu pegang."
    said = bench.said(bench.staff)
    assert said.index("Belum ada konselor terdaftar") < said.index("Bu Rina mengambil")
    await bench.counselor(9002, "Pak Budi")
    await bench.says(rina, "aku di sini", reply_to=bench.staff.sent[0].message_id)
    assert "👤 Bu Rina: aku di sini" in bench.said(siti)
    await bench.taps(rina, "Selesai")
    assert "belum terdaftar" in await bench.taps(rina, "Riwayat")


async def test_anonymous_admin_is_asked_to_show_who_they_are(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "L3")
    anonymous = bench.staff.member(1087968824, "Group")
    assert "admin anonim" in await bench.taps(anonymous, "Ambil")


async def test_code_works_once(bench: Bench) -> None:
    await bench.counselor(9001, "Bu Rina")
    assert "Selamat datang, Bu Rina" in bench.staff.last().text
    code = bench.staff.foreign[max(bench.staff.foreign)]["text"].split()[1]
    other = bench.staff.member(9002, "Pencuri")
    await bench.says(other, f"/daftar {code}")
    assert "sudah dipakai" in bench.staff.last().text
    await bench.says(other, "/daftar")
    assert "Ketik /daftar lalu kodemu" in bench.staff.last().text


async def test_code_grows_old(bench: Bench) -> None:
    from bot.services.roster import create_code

    async with bench.database.write() as db:
        code = await create_code(db, "Pak Budi", bench.clock.now)
    bench.clock.forward(8 * 24 * 3600)
    await bench.says(bench.staff.member(9002, "Budi"), f"/daftar {code.lower()}")
    assert "kedaluwarsa" in bench.staff.last().text


async def test_counselor_who_leaves_gives_the_case_back_and_may_return(bench: Bench) -> None:
    siti = await bench.person(111)
    rina, budi = await bench.counselor(9001, "Bu Rina"), await bench.counselor(9002, "Pak Budi")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    rina.leave()
    await bench.settle()
    assert (await bench.case()).state == "open"
    assert "Bu Rina tidak bisa melanjutkan" in siti.last().text
    assert "Bu Rina sudah keluar dari grup" in bench.said(bench.staff)
    assert await bench.taps(budi, "Ambil") == "Kasus ini sekarang kamu pegang."
    rina.join()
    await bench.settle()
    assert "Selamat datang kembali, Bu Rina." in bench.staff.last().text
    assert await bench.taps(rina, "Riwayat") == "Riwayat dikirim."


# --- Talking ------------------------------------------------------------------------------------


async def talking(bench: Bench) -> tuple[Member, Member, int]:
    siti, rina = await bench.person(111, pseudonym="Melati-27"), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    return siti, rina, bench.staff.last().message_id


async def test_words_pass_both_ways_and_the_bot_keeps_quiet(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.says(rina, "Halo, aku di sini", reply_to=anchor)
    assert siti.last().text == "👤 Bu Rina: Halo, aku di sini"
    heard = len(bench.dialogue.heard)
    await bench.says(siti, "takut kak")
    assert bench.staff.last().text == "💬 Melati-27: takut kak"
    assert len(bench.dialogue.heard) == heard
    assert (await bench.case()).state == "talking"


async def test_files_pass_both_ways(bench: Bench) -> None:
    siti, rina, _anchor = await talking(bench)
    siti.send_voice(caption="dengar")
    siti.send_photo()
    siti.send_sticker()
    await bench.settle()
    copies = [sent for sent in bench.staff.sent if sent.method == "copyMessage"]
    assert len(copies) == 3
    assert copies[0].params["caption"] == "💬 Melati-27: dengar"
    assert "Melati-27 mengirim stiker" in bench.said(bench.staff)
    rina.send_voice(reply_to=copies[0].message_id)
    await bench.settle()
    assert [sent.method for sent in siti.sent][-2:] == ["sendMessage", "copyMessage"]


async def test_edits_are_shown_on_both_sides(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    said = await bench.says(siti, "aku di rumah")
    siti.edit(said, "aku di kos")
    await bench.settle()
    assert bench.staff.last().text == "✏️ Melati-27 mengubah pesannya menjadi: aku di kos"
    answer = await bench.says(rina, "Sama siapa?", reply_to=anchor)
    rina.edit(answer, "Kamu sama siapa?")
    await bench.settle()
    assert siti.last().text == "👤 Bu Rina: Kamu sama siapa?"


async def test_withdrawn_message_disappears(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    answer = await bench.says(rina, "salah kirim", reply_to=anchor)
    await bench.says(rina, "/tarik", reply_to=answer)
    assert "salah kirim" not in bench.said(siti)
    await bench.says(rina, "/tarik")
    assert "Balas (reply) pesanmu sendiri" in bench.staff.last().text


async def test_notes_and_team_talk_never_reach_the_person(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    budi = await bench.counselor(9002, "Pak Budi")
    before = len(siti.texts())
    await bench.says(rina, "/catatan keluarganya belum tahu", reply_to=anchor)
    await bench.says(rina, ". jangan disebut ibunya", reply_to=anchor)
    await bench.says(rina, "makan siang apa?")
    await bench.says(budi, "aku bantu ya", reply_to=anchor)
    assert len(siti.texts()) == before
    assert "Tidak dikirim: kasus #1 dipegang Bu Rina" in bench.staff.last().text
    await bench.says(rina, "/catatan", reply_to=anchor)
    assert "keluarganya belum tahu" in bench.staff.last().text
    assert "jangan disebut ibunya" in bench.staff.last().text


async def test_canned_replies(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.says(rina, "/balas")
    assert "1. Halo, terima kasih sudah menulis." in bench.staff.last().text
    await bench.says(rina, "/balas 3", reply_to=anchor)
    assert siti.last().text.startswith("👤 Bu Rina: Kamu sekarang ada di mana")
    await bench.says(rina, "/balas 99", reply_to=anchor)
    assert "Tidak ada balasan nomor 99" in bench.staff.last().text


async def test_canned_reply_to_a_closed_case_is_not_sent(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.taps(rina, "Selesai")
    farewell = siti.last().text
    await bench.says(rina, "/balas 3", reply_to=anchor)
    assert "sudah ditutup" in bench.staff.last().text
    assert siti.last().text == farewell


async def test_handing_over(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    budi = await bench.counselor(9002, "Pak Budi")
    await bench.says(rina, "/serahkan siapa", reply_to=anchor)
    assert "Tidak ada konselor bernama “siapa”" in bench.staff.last().text
    await bench.says(rina, "/serahkan budi", reply_to=anchor)
    assert "Pak Budi melanjutkan di sini" in siti.last().text
    await bench.says(rina, "masih bisa?", reply_to=anchor)
    assert "masih bisa?" not in bench.said(siti)
    await bench.says(budi, "Halo, aku Budi", reply_to=anchor)
    assert siti.last().text == "👤 Pak Budi: Halo, aku Budi"
    await bench.says(budi, "/serahkan", reply_to=anchor)
    assert (await bench.case()).state == "open"


async def test_risk_while_talking_calls_the_counselors_attention(bench: Bench) -> None:
    siti, _, _ = await talking(bench)
    bench.clock.forward(11 * 60)
    await bench.says(siti, "L3 sekarang juga")
    assert "Pesan berisiko baru dari Melati-27" in bench.staff.last().text
    assert bench.staff.last().params["entities"][0]["user"]["id"] == 9001
    assert "CRISIS 3" in siti.last().text


async def test_bot_does_not_talk_into_a_conversation_about_the_same_danger(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.says(rina, "Halo, aku di sini", reply_to=anchor)
    bench.clock.forward(11 * 60)
    await bench.says(siti, "L3 masih pengen")
    assert bench.said(siti).count("CRISIS 3") == 1
    assert "L3 masih pengen" in bench.staff.last().text
    bench.clock.forward(4 * 60)
    await bench.says(siti, "L3 kak?")
    assert bench.said(siti).count("CRISIS 3") == 2


async def test_end_says_that_the_bot_speaks_again(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.says(rina, "sampai besok", reply_to=anchor)
    await bench.taps(rina, "Selesai")
    assert "Percakapan dengan Bu Rina sudah selesai" in siti.last().text
    await bench.says(siti, "halo bot")
    assert siti.last().text == "echo: halo bot"
    assert await bench.taps(rina, "Aman") == "Dicatat: aman."
    await bench.says(rina, "satu lagi", reply_to=anchor)
    assert "sudah ditutup" in bench.staff.last().text


async def test_person_ends_a_risk_and_it_stays_the_counselors(bench: Bench) -> None:
    siti, _rina, _ = await talking(bench)
    await bench.says(siti, "/selesai")
    assert "konselor masih akan melihat pesannya" in siti.last().text
    assert "Kasusnya tetap terbuka" in bench.staff.last().text
    await bench.says(siti, "halo")
    assert siti.last().text == "echo: halo"
    await bench.says(siti, "/konselor")
    assert "Bu Rina aku beri tahu" in siti.last().text
    assert (await bench.case()).state == "acknowledged"


async def test_person_ends_a_request(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "/konselor")
    await bench.taps(rina, "Ambil")
    siti.tap("Akhiri obrolan")
    await bench.settle()
    assert "obrolan dengan Bu Rina selesai" in siti.last().text
    assert (await bench.case()).outcome == "person_ended"
    await bench.says(siti, "/selesai")
    assert "Tidak ada obrolan dengan konselor" in siti.last().text


async def test_relaying_fails_loudly_when_the_person_has_blocked_the_bot(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    siti.block_bot()
    await bench.settle()
    assert "memblokir bot" in bench.staff.last().text
    await bench.says(rina, "halo?", reply_to=anchor)
    assert "Tidak sampai" in bench.staff.last().text
    siti.block_bot(False)
    await bench.says(siti, "aku balik")
    assert "💬 Melati-27: aku balik" in bench.said(bench.staff)
    await bench.says(rina, "syukurlah", reply_to=anchor)
    assert "syukurlah" in bench.said(siti)


async def test_block_found_out_by_sending(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    siti.chat.blocked = True
    await bench.says(rina, "halo?", reply_to=anchor)
    assert "❗ Tidak sampai: Melati-27 (#1) memblokir bot." in bench.said(bench.staff)


# --- Waiting ------------------------------------------------------------------------------------


async def test_while_waiting_the_bot_offers_grounding_and_nothing_chatty(bench: Bench) -> None:
    siti = await bench.person(111, pseudonym="Melati-27")
    await bench.says(siti, "L2 capek")
    await bench.says(siti, "aku bingung")
    assert "Sudah aku teruskan ke konselor" in siti.last().text
    assert [data for _, data in siti.last().buttons] == ["k:grounding", "h:plan", "m:emergency"]
    assert bench.staff.last().text == "💬 Melati-27: aku bingung"
    count = len(siti.texts())
    await bench.says(siti, "masih bingung")
    assert len(siti.texts()) == count
    siti.tap("Rencana aman")
    await bench.settle()
    assert "satu langkah saja dulu" in siti.last().text
    assert bench.dialogue.heard == []


async def test_bot_answers_again_after_an_hour_without_anybody(bench: Bench) -> None:
    siti = await bench.person(111)
    await bench.says(siti, "L2 capek")
    await bench.later(minutes=61)
    assert "aku (bot) sekarang menjawab lagi" in bench.said(siti)
    await bench.says(siti, "halo")
    assert siti.last().text == "echo: halo"
    assert (await bench.case()).state == "open"


async def test_queue_position_and_leaving_the_queue(bench: Bench) -> None:
    siti, dewi = await bench.person(111), await bench.person(112, "Dewi")
    await bench.says(siti, "/konselor")
    await bench.says(dewi, "/konselor")
    assert "nomor 2 di antrean" in dewi.last().text
    await bench.says(dewi, "halo")
    assert dewi.last().text == "echo: halo"
    siti.tap("Keluar dari antrean")
    await bench.settle()
    assert "sudah keluar dari antrean" in siti.last().text
    await bench.says(dewi, "/konselor")
    assert "nomor 1 di antrean" in dewi.last().text


async def test_without_a_counselors_chat_people_are_told_the_truth(
    double: TelegramDouble, sqlite_database: Database, tmp_path: Path
) -> None:
    async with bench_on(double, sqlite_database, tmp_path, staff_id=None) as bench:
        siti = await bench.person(111)
        await bench.says(siti, "L3")
        assert "belum menghubungkan aku dengan konselor" in siti.last().text
        assert "NUMBERS 112 119" in siti.last().text
        await bench.tick()
        assert (await bench.case()).state == "open"


# --- Judging and closing ------------------------------------------------------------------------


async def test_false_alarm_is_noted_and_ends_kindly(bench: Bench) -> None:
    from bot.services.risk_review import list_marked

    siti, rina = await bench.person(111, "Siti Aminah"), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3 bercanda")
    assert await bench.taps(rina, "Alarm palsu") == "Dicatat: alarm palsu. Terima kasih."
    assert "sepertinya sekarang tidak ada bahaya" in siti.last().text
    async with bench.database.read() as db:
        (row,) = await list_marked(db)
    assert (row["verdict"], row["level"], row["text"], row["evidence"]) == ("false_alarm", 3, "L3 bercanda", ["L3"])
    assert not {"name", "pseudonym", "person_id", "chat_id", "case_id"} & set(row)
    assert (await bench.case()).check_in_at is None


async def test_too_low_raises_the_case_and_calls_again(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L2 pamit")
    await bench.taps(rina, "Terlalu rendah")
    assert (await bench.case()).level == 3
    assert "menaikkan" in bench.staff.last().text
    await bench.taps(rina, "Terlalu tinggi")
    assert (await bench.case()).level == 3


async def test_urgent_case_must_be_taken_before_it_is_closed(bench: Bench) -> None:
    siti = await bench.person(111)
    rina, budi = await bench.counselor(9001, "Bu Rina"), await bench.counselor(9002, "Pak Budi")
    await bench.says(siti, "L2")
    assert await bench.taps(rina, "Selesai") == "Ambil dulu kasusnya, baru bisa ditutup."
    await bench.taps(rina, "Ambil")
    assert await bench.taps(budi, "Selesai") == "Kasus ini dipegang Bu Rina."
    boss = await bench.counselor(9003, "Bu Kepala", supervisor=True)
    assert await bench.taps(boss, "Selesai") == "Kasus ditutup."


async def test_history_is_shown_and_noted_who_saw_it(bench: Bench) -> None:
    from bot.store.cases import events_of

    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "kemarin pakai lagi")
    await bench.says(siti, "L2")
    await bench.taps(rina, "Riwayat")
    assert "dilihat Bu Rina" in bench.staff.last().text
    assert "kemarin pakai lagi" in bench.staff.last().text
    async with bench.database.read() as db:
        assert [event.counselor_id for event in await events_of(db, 1, ["history_viewed"])] == [1]


@pytest.mark.parametrize(
    "data", ["c:take", "c:take:x", "c:dance:1", "c:take:99999", "c:out:1:perhaps", "c::", "zzz", "c:take:1:2:3"]
)
async def test_old_and_broken_buttons_get_an_answer(bench: Bench, data: str) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L2")
    query = rina.tap_data(data)
    await bench.settle()
    assert bench.notice(query) in {
        "Tombol ini sudah terlalu lama. Ketik /antrean.", "Kasus ini sudah tidak ada."
    }  # fmt: skip


async def test_deleted_person_with_an_open_case_is_forgotten_when_it_ends(bench: Bench) -> None:
    from bot.store import people

    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L2 rahasia")
    siti.tap_data("x:yes")
    await bench.settle()
    assert "menghapus datanya" in bench.staff.last().text
    await bench.taps(rina, "Ambil")
    await bench.taps(rina, "Selesai")
    async with bench.database.read() as db:
        assert await people.find_person(db, 111) is None
    row = await bench.case()
    assert (row.card_enc, row.pseudonym) == (None, "-")


async def test_data_shows_the_case_without_private_notes(bench: Bench) -> None:
    siti, rina, anchor = await talking(bench)
    await bench.says(rina, "/catatan rahasia tim", reply_to=anchor)
    await bench.says(siti, "/data")
    async with bench.database.read() as db:
        from bot.store.people import find_person

        person = await find_person(db, 111)
        assert person is not None
        (item,) = await bench.desk.stored_data(db, person)
    assert item["counselor_notes"] == 1
    assert "rahasia tim" not in str(item)


# --- Commands -----------------------------------------------------------------------------------


async def test_queue_and_case_commands(bench: Bench) -> None:
    siti, dewi = await bench.person(111, pseudonym="Melati-27"), await bench.person(112, "Dewi", pseudonym="Jalak-5")
    rina = await bench.counselor(9001, "Bu Rina")
    await bench.says(rina, "/antrean")
    assert "Tidak ada yang menunggu" in bench.staff.last().text
    await bench.says(siti, "/konselor")
    await bench.says(dewi, "L3")
    bench.clock.forward(120)
    await bench.says(rina, "/antrean@pendamping_test_bot")
    lines = bench.staff.last().text.splitlines()
    assert lines[0] == "Antrean (2 menunggu, 0 ditangani):"
    assert lines[1] == "🔴 #2 Jalak-5 · level 3 · 2 menit · belum diambil"
    await bench.says(rina, "/kasus 2")
    assert "DARURAT (level 3) · Jalak-5" in bench.staff.last().text
    await bench.says(rina, "/kasus 77")
    assert "Kasus #77 tidak ditemukan" in bench.staff.last().text
    await bench.says(rina, "/kasus")
    assert "Kasus yang mana?" in bench.staff.last().text
    await bench.says(rina, "/entah")
    assert "Lihat /bantuan" in bench.staff.last().text
    await bench.says(rina, "/bantuan")
    assert "/serahkan nama" in bench.staff.last().text


async def test_roster_commands(bench: Bench) -> None:
    rina = await bench.counselor(9001, "Bu Rina")
    boss = await bench.counselor(9003, "Bu Kepala", supervisor=True)
    await bench.says(rina, "/jaga")
    assert "Belum ada jadwal jaga" in bench.staff.last().text
    await bench.says(rina, "/jaga tambah senin 08:00-16:00")
    assert "senin 08:00-16:00 WIB" in bench.staff.last().text
    await bench.says(boss, "/jaga tambah senin 20:00-04:00 WITA untuk Rina")
    assert "senin 20:00-04:00 WITA" in bench.staff.last().text
    await bench.says(rina, "/jaga")
    assert bench.staff.last().text.splitlines()[0] == "Sekarang jaga: Bu Rina."
    await bench.says(rina, "/jaga tambah kapan-kapan")
    assert "Tidak terbaca" in bench.staff.last().text
    await bench.says(rina, "/jaga hapus 1")
    await bench.says(rina, "/jaga")
    assert bench.staff.last().text.startswith("Sekarang tidak ada yang jaga. Berikutnya: hari ini pukul 19.00 WIB.")


async def test_statistics(bench: Bench) -> None:
    siti, rina = await bench.person(111), await bench.counselor(9001, "Bu Rina")
    await bench.says(rina, "/statistik")
    assert "Tidak ada kasus dalam 7 hari" in bench.staff.last().text
    await bench.says(siti, "L3")
    card = bench.staff.last()
    bench.clock.forward(130)
    await bench.taps(rina, "Ambil")
    bench.clock.forward(20)
    await bench.says(rina, "halo", reply_to=card.message_id)
    await bench.says(rina, "/statistik 30")
    text = bench.staff.last().text
    assert "Level 3: 1 kasus" in text
    assert "diambil: separuh dalam 2:10, 95% dalam 2:10, tepat waktu 100% (target 5:00)" in text
    assert "balasan pertama konselor: separuh dalam 2:30" in text
    assert "12.00 (1)" in text


# --- Topics -------------------------------------------------------------------------------------


async def test_each_case_gets_its_topic(forum: Bench) -> None:
    siti, rina = await forum.person(111, pseudonym="Melati-27"), await forum.counselor(9001, "Bu Rina")
    await forum.says(siti, "L3")
    (thread,) = forum.staff.topics
    assert forum.staff.topics[thread].name == "🔴 Melati-27 #1"
    general, inside = [sent for sent in forum.staff.sent if "DARURAT" in sent.text]
    assert (general.thread_id, inside.thread_id) == (None, thread)
    await forum.taps(rina, "Ambil")
    await forum.says(rina, "Halo dari topik", thread_id=thread)
    assert siti.last().text == "👤 Bu Rina: Halo dari topik"
    await forum.says(siti, "iya kak")
    assert (forum.staff.last().text, forum.staff.last().thread_id) == ("💬 Melati-27: iya kak", thread)
    await forum.taps(rina, "Selesai")
    assert forum.staff.topics[thread].closed
    await forum.says(siti, "L2 lagi")
    assert not forum.staff.topics[thread].closed
    assert len(forum.staff.topics) == 1


async def test_deleted_topic_loses_no_words(forum: Bench) -> None:
    siti, rina = await forum.person(111, pseudonym="Melati-27"), await forum.counselor(9001, "Bu Rina")
    await forum.says(siti, "L3")
    await forum.taps(rina, "Ambil")
    (thread,) = forum.staff.topics
    forum.staff.topics[thread].deleted = True
    await forum.says(siti, "kak?")
    assert forum.said(forum.staff).count("💬 Melati-27: kak?") == 1
    assert "Topik kasus #1 dihapus" in forum.said(forum.staff)
    new = max(forum.staff.topics)
    assert new != thread
    await forum.says(rina, "masih di sini", thread_id=new)
    assert siti.last().text == "👤 Bu Rina: masih di sini"


async def test_without_rights_cards_are_answered_and_the_group_is_told_once(forum: Bench) -> None:
    siti, dewi = await forum.person(111), await forum.person(112, "Dewi")
    forum.staff.bot_is_admin = False
    rina = await forum.counselor(9001, "Bu Rina")
    await forum.says(siti, "L3")
    await forum.says(dewi, "L2")
    assert forum.said(forum.staff).count("Jadikan bot admin dengan hak Kelola Topik") == 1
    assert len(forum.double.called("createForumTopic")) == 1
    await forum.taps(rina, "Ambil")
    await forum.says(rina, "halo", reply_to=forum.staff.last().message_id)
    assert "👤 Bu Rina: halo" in forum.said(siti) + forum.said(dewi)


async def test_group_without_topics_is_asked_for_one_only_once(bench: Bench) -> None:
    for number in range(3):
        await bench.says(await bench.person(111 + number, "S"), "L2")
    assert len(bench.double.called("createForumTopic")) == 1


async def test_migrated_group_gets_the_open_cases_again(bench: Bench) -> None:
    siti, rina = await bench.person(111, pseudonym="Melati-27"), await bench.counselor(9001, "Bu Rina")
    await bench.says(siti, "L3")
    await bench.taps(rina, "Ambil")
    new = bench.staff.migrate(STAFF - 7)
    await bench.settle()
    await bench.tick()
    await bench.tick()
    texts = new.texts()
    assert sum("punya id baru" in text for text in texts) == 1
    assert sum("DARURAT (level 3) · Melati-27" in text for text in texts) == 1
    member = new.member(9001, "Bu Rina")
    await bench.says(member, "aku masih di sini", reply_to=new.sent[-1].message_id)
    assert siti.last().text == "👤 Bu Rina: aku masih di sini"
    await bench.says(siti, "makasih kak")
    assert "💬 Melati-27: makasih kak" in new.texts()[-1]


def test_pause_of_hold_is_shorter_than_a_deadline() -> None:
    from bot.services.relay import HOLD_EVERY

    assert timedelta(minutes=5) > HOLD_EVERY
