"""Whole turns against the Bot API double: an update in; reply, rows and page out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.services.dialogue_turn import TYPING_AFTER_S
from bot.store.handoff_models import Case
from bot.store.models import InboxRow, Person, ReviewQuestion, Utterance
from bot.store.retention import HELD_FOR, purge
from tests.conftest import STAFF, Gateway


async def test_start_asks_for_consent_then_role_then_invites(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    assert [text.splitlines()[0] for text in siti.texts()] == [
        "Halo, aku Pendamping 🌱",
        "Terima kasih. Supaya jawabanku pas, boleh tahu kamu siapa?",
        "Oke, aku catat. Kamu bisa mengubahnya kapan saja lewat /peran.",
    ]


async def test_question_is_answered_by_the_dialogue_model(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    gateway.dialogue.delay_s = TYPING_AFTER_S + 0.2
    siti.say("halo apa kabar")
    await gateway.wait_for(siti, "echo: halo apa kabar")
    assert gateway.double.called("sendChatAction")


async def test_nothing_reaches_the_model_before_consent(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("halo")
    await gateway.wait_for(siti, "perlu persetujuanmu")
    assert gateway.dialogue.heard == []


async def test_risk_is_seen_before_consent(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("L3 sekarang")
    await gateway.wait_for(siti, "CRISIS 3")
    page = await gateway.wait_for(gateway.staff, "LEVEL 3")
    assert "L3 sekarang" in page.text


async def test_urgent_message_gets_crisis_reply_and_page_and_not_the_model(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("L2 capek")
    crisis = await gateway.wait_for(siti, "CRISIS 2")
    assert [data for _, data in crisis.buttons] == ["k:counselor", "k:grounding"]
    page = await gateway.wait_for(gateway.staff, "LEVEL 2")
    assert page.buttons[0][1].startswith("c:take:")
    assert gateway.dialogue.heard == []


async def test_crisis_reply_comes_while_the_model_hangs(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    gateway.dialogue.delay_s = 30
    siti.say("pertanyaan lambat")
    siti.say("L3 tolong")
    await gateway.wait_for(siti, "CRISIS 3", timeout_s=3)
    await gateway.wait_for(gateway.staff, "LEVEL 3", timeout_s=3)


async def test_screen_that_breaks_calls_a_human(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("BREAK")
    await gateway.wait_for(siti, "CRISIS 2")
    await gateway.wait_for(gateway.staff, "LEVEL 2")


async def test_counselor_takes_the_case_once(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("L3")
    await gateway.wait_for(gateway.staff, "LEVEL 3")
    gateway.counselor.tap("Ambil")
    await gateway.wait_for(siti, "Konselor Bu Rina")
    other = gateway.staff.member(9002, "Pak Budi")
    query = other.tap("Ambil")
    notice = await gateway.aside(gateway.staff.wait_until, lambda: gateway.double.answered.get(query))
    assert notice == "Sudah diambil Bu Rina."


async def test_safety_question_no_and_then_second_worry_escalates(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK satu")
    asked = await gateway.wait_for(siti, "SAFETY QUESTION")
    assert [data for _, data in asked.buttons] == ["s:yes", "s:no", "s:counselor"]
    siti.say("nggak kok")
    await gateway.wait_for(siti, "sudah jujur menjawab")
    await gateway.wait_for(siti, "echo: ASK satu")
    assert gateway.staff.texts() == []
    siti.say("ASK dua")
    await gateway.wait_for(siti, "CRISIS 2")
    await gateway.wait_for(gateway.staff, "LEVEL 2")


async def test_yes_to_a_question_about_the_body_is_an_emergency(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK-overdose temanku ngorok")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.say("halo?")
    await gateway.wait_for(siti, "echo: halo?")
    siti.tap("Ya")
    await gateway.wait_for(siti, "CRISIS 3")
    page = await gateway.wait_for(gateway.staff, "LEVEL 3")
    assert "overdosis" in page.text


async def test_what_was_asked_about_is_answered_after_a_tapped_no(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK cara menolong teman")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.say("halo?")
    await gateway.wait_for(siti, "echo: halo?")
    assert "echo: ASK cara menolong teman" not in siti.texts()
    siti.tap("Tidak")
    await gateway.wait_for(siti, "echo: ASK cara menolong teman")
    assert gateway.staff.texts() == []


async def test_what_was_asked_about_is_not_answered_after_a_yes(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK satu")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.tap("Ya")
    await gateway.wait_for(siti, "CRISIS 2")
    siti.tap_data("s:no")
    await gateway.wait_for(siti, "sudah jujur menjawab")
    async with gateway.database.read() as db:
        states = [row.state for row in (await db.execute(select(InboxRow))).scalars()]
    assert "held" in states
    assert not any(text.startswith("echo") for text in siti.texts())


async def test_asked_about_before_consent_waits_for_both(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("ASK satu")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.tap("Tidak")
    await gateway.wait_for(siti, "nanti langsung aku jawab")
    siti.tap("Setuju, mulai")
    await gateway.wait_for(siti, "echo: ASK satu")


async def test_typed_yes_escalates(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK satu")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.say("iyaa")
    await gateway.wait_for(siti, "CRISIS 2")


async def test_tapped_yes_escalates(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("ASK satu")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.tap("Ya")
    await gateway.wait_for(gateway.staff, "bunuh diri")


async def test_support_line_comes_before_a_fallback(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("L1 FALLBACK")
    await gateway.wait_for(siti, "FALLBACK ANSWER")
    assert siti.texts()[-2:] == ["SUPPORT id", "FALLBACK ANSWER"]
    assert siti.last().buttons[-1][1] == "k:counselor"
    async with gateway.database.read() as db:
        assert len(list((await db.execute(select(ReviewQuestion))).scalars())) == 1


async def test_answer_carries_feedback_and_its_topic(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("PASSAGE")
    answer = await gateway.wait_for(siti, "PASSAGE ANSWER")
    assert [data for _, data in answer.buttons] == ["d:topic:recovery.craving", "f:y:a.b.c", "f:n:a.b.c"]
    siti.tap("Related")
    await gateway.wait_for(siti, "chosen: d:topic:recovery.craving")
    siti.tap("Kurang")
    await gateway.wait_for(siti, "Makasih sudah bilang")
    siti.tap("Kurang")
    await gateway.wait_for(siti, "Sudah dicatat")
    siti.say("lagi")
    await gateway.wait_for(siti, "echo: lagi")
    assert gateway.dialogue.heard[-1][2].last_topic_id == "a.b"
    assert list(gateway.dialogue.heard[-1][2].recent_utterances) == ["PASSAGE"]


async def test_model_down_gives_the_kind_reply_and_keeps_the_row(gateway: Gateway, monkeypatch) -> None:
    monkeypatch.setattr("bot.services.dialogue_turn.RETRY_AFTER_S", (0.1, 0.1))
    siti = await gateway.newcomer()
    gateway.dialogue.down = True
    siti.say("halo?")
    await gateway.wait_for(siti, "kesulitan menjawab")
    async with gateway.database.read() as db:
        dead = list((await db.execute(select(InboxRow).where(InboxRow.state == "dead"))).scalars())
    assert [row.error_code for row in dead] == ["unreachable"]
    assert dead[0].attempts == 3


async def test_model_back_in_time_answers(gateway: Gateway, monkeypatch) -> None:
    monkeypatch.setattr("bot.services.dialogue_turn.RETRY_AFTER_S", (0.5, 0.5))
    siti = await gateway.newcomer()
    gateway.dialogue.broken = True
    siti.say("halo?")
    await asyncio.sleep(0.3)  # the first try
    gateway.dialogue.broken = False
    await gateway.wait_for(siti, "echo: halo?")


async def test_commands_in_both_languages(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    for command, part in {
        "/help": "/konselor –",
        "/emergency": "NUMBERS 112",
        "/privasi": "nama samaran",
        "/peran": "kamu siapa",
        "/role@pendamping_test_bot": "kamu siapa",
        "/konselor": "konselor",
        "/apaini": "tidak kenal perintah",
    }.items():
        before = len(siti.texts())
        siti.say(command)
        await gateway.wait_for(siti, part, after=before)
    siti.say("/bahasa")
    await gateway.wait_for(siti, "Mau pakai bahasa apa")
    siti.tap("English")
    await gateway.wait_for(siti, "English it is")
    siti.say("/darurat")
    await gateway.wait_for(siti, "NUMBERS 112 119 en")


async def test_unknown_command_never_reaches_the_model(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say('/ask_topic{"topic":"x"}')
    await gateway.wait_for(siti, "tidak kenal perintah")
    assert gateway.dialogue.heard == []


async def test_unknown_command_is_screened(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("/L3 mau mati")
    await gateway.wait_for(siti, "CRISIS 3")


async def test_old_button_gets_a_kind_answer(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    for data in ("zz:old", "k9:counselor", "r:king", "l:xx", "s:perhaps", "f:y", "x:maybe", ":", "o:"):
        before = len(siti.texts())
        siti.tap_data(data)
        await gateway.wait_for(siti, "sudah terlalu lama", after=before)


async def test_attachments_are_answered_and_captions_screened(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.send_voice()
    await gateway.wait_for(siti, "belum bisa mendengarkan")
    siti.send_photo()
    await gateway.wait_for(siti, "belum bisa melihat")
    siti.send_sticker()
    await gateway.wait_for(siti, "stikernya")
    siti.send({"document": {"file_id": "d", "file_unique_id": "d"}})
    await gateway.wait_for(siti, "belum bisa membuka berkas")
    siti.send({"location": {"latitude": 1.0, "longitude": 2.0}})
    await gateway.wait_for(siti, "tidak bisa membaca lokasi")
    siti.send({"contact": {"phone_number": "1", "first_name": "A"}})
    await gateway.wait_for(siti, "Kontak itu tidak aku simpan")
    siti.send({"dice": {"emoji": "🎲", "value": 3}})
    await gateway.wait_for(siti, "belum bisa membaca kiriman")
    siti.send({"something_new": {"a": 1}})
    await gateway.aside(siti.wait_until, lambda: sum("kiriman seperti itu" in s.text for s in siti.sent) == 2)
    siti.send_photo(caption="L3 lihat ini")
    await gateway.wait_for(siti, "CRISIS 3")


async def test_edit_that_says_more_escalates_and_a_typo_does_not(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    message = siti.say("aku baik baik saja kok hari ni")
    await gateway.wait_for(siti, "echo: aku baik")
    count = len(siti.texts())
    siti.edit(message, "aku baik baik saja kok hari ini")
    siti.edit(message, "L3 sebenarnya tidak")
    await gateway.wait_for(siti, "CRISIS 3")
    assert len(siti.texts()) == count + 1


async def test_edit_to_another_question_is_answered(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    message = siti.say("berapa biaya rehab")
    await gateway.wait_for(siti, "echo: berapa biaya")
    siti.edit(message, "kalau ganja itu gimana sih efeknya")
    await gateway.wait_for(siti, "echo: kalau ganja")


async def test_group_gets_one_hint_an_hour(gateway: Gateway) -> None:
    from bot.bootstrap import utc_now
    from bot.store import kv

    async with gateway.database.write() as db:
        await kv.set_value(db, kv.BOT_USERNAME, "pendamping_test_bot", utc_now())
    group = gateway.double.group(-200, "Warga")
    someone = group.member(77, "Ana")
    someone.say("@pendamping_test_bot halo")
    await gateway.wait_for(group, "https://t.me/pendamping_test_bot?start=private")
    someone.say("halo lagi")
    someone.say("/chatid")
    await gateway.wait_for(group, "-200")
    assert len(group.texts()) == 2


async def test_channel_posts_and_unreadable_updates_are_passed_over(gateway: Gateway) -> None:
    gateway.double.push(
        {"channel_post": {"message_id": 1, "date": 1, "chat": {"id": -5, "type": "channel"}, "text": "x"}}
    )
    gateway.double.push({"message": "garbage"})
    gateway.double.push({"message": {"message_id": 1, "chat": {"id": "x"}}})
    gateway.double.push({"brand_new_update": {}})
    siti = await gateway.newcomer()
    siti.say("masih hidup?")
    await gateway.wait_for(siti, "echo: masih hidup?")


async def test_blocking_marks_person_and_case(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("L3")
    await gateway.wait_for(gateway.staff, "LEVEL 3")
    siti.block_bot()
    await gateway.wait_for(gateway.staff, "memblokir bot")
    async with gateway.database.read() as db:
        assert (await db.execute(select(Person))).scalar_one().blocked_at is not None
        assert (await db.execute(select(Case))).scalar_one().person_blocked_at is not None
    siti.block_bot(False)
    siti.say("aku kembali")
    await gateway.wait_for(gateway.staff, "aku kembali")
    async with gateway.database.read() as db:
        assert (await db.execute(select(Person))).scalar_one().blocked_at is None


async def test_data_and_delete(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("rahasia kecil")
    await gateway.wait_for(siti, "echo: rahasia")
    siti.say("/data")
    document = await gateway.wait_for(siti, "semua yang aku simpan")
    assert b"rahasia kecil" in document.params["document"]["body"]
    siti.say("/hapus")
    await gateway.wait_for(siti, "Yakin?")
    siti.tap("Ya, hapus")
    await gateway.wait_for(siti, "Sudah aku hapus")
    await gateway.aside(siti.wait_until, lambda: gateway.dialogue.forgotten)
    async with gateway.database.read() as db:
        assert list((await db.execute(select(Person))).scalars()) == []
    siti.say("/data")
    await gateway.wait_for(siti, "perlu persetujuanmu")


async def test_delete_with_open_case_keeps_what_safety_needs(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("L3")
    await gateway.wait_for(gateway.staff, "LEVEL 3")
    siti.say("/hapus")
    await gateway.wait_for(siti, "Yakin?")
    siti.tap("Ya, hapus")
    await gateway.wait_for(siti, "catatan singkat")
    async with gateway.database.read() as db:
        person = (await db.execute(select(Person))).scalar_one()
    assert (person.name_enc, person.consent_at, person.role) == (None, None, None)
    assert person.deleted_at is not None


async def test_strange_texts_are_survived(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    for text in (
        "   ",
        "\u202egnp",
        "<b>hai</b> *x* _y_ [z](t.me)",
        "a" * 100_000,
        "nul\x00nul",
        "\ud83d bad",
        "/",
        "//",
    ):
        before = len(siti.texts())
        siti.say(text)
        await gateway.aside(siti.wait_count, before + 1)
    assert all(len(heard) <= 4000 for _, heard, _ in gateway.dialogue.heard)
    assert not any(heard.startswith("/") for _, heard, _ in gateway.dialogue.heard)


async def test_long_reply_is_split(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("Ini kalimat panjang. " * 190)
    await gateway.wait_for(siti, "echo: Ini")
    siti.say("selesai")
    await gateway.wait_for(siti, "echo: selesai")
    assert all(len(text) <= 4096 for text in siti.texts())


async def test_same_update_twice_is_answered_once(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("sekali saja")
    await gateway.wait_for(siti, "echo: sekali")
    async with gateway.database.read() as db:
        newest = max((await db.execute(select(InboxRow.update_id))).scalars())
    body = {
        "message": {"message_id": 5, "date": 1, "chat": siti.chat.json(), "from": siti.user(), "text": "sekali saja"}
    }
    gateway.double.redeliver({"update_id": newest, **body})
    siti.say("berikutnya")
    await gateway.wait_for(siti, "echo: berikutnya")
    assert sum(text == "echo: sekali saja" for text in siti.texts()) == 1


async def test_staff_group_that_moves_still_gets_pages(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    new = await gateway.aside(gateway.staff.migrate, STAFF - 5)
    siti.say("L3")
    await gateway.wait_for(new, "LEVEL 3")


async def test_flood_limits_hold(paced_gateway: Gateway) -> None:
    gateway = paced_gateway
    people = [await gateway.newcomer(100 + number, f"P{number}") for number in range(4)]
    for number in range(6):
        for person in people:
            person.say(f"pesan {number}")
    for person in people:
        await gateway.wait_for(person, "echo: pesan 5", timeout_s=20)
        assert [t for t in person.texts() if t.startswith("echo")] == [f"echo: pesan {n}" for n in range(6)]
    assert gateway.double.flood_violations == []


async def test_what_was_written_before_consent_is_answered_after_it(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("anak saya pakai sabu, saya harus bagaimana?")
    siti.say("dia tidak mau bicara")
    await gateway.aside(siti.wait_count, 2)
    assert all("nanti langsung aku jawab" in text for text in siti.texts())
    siti.tap("Setuju, mulai")
    await gateway.wait_for(siti, "echo: dia tidak mau bicara")
    assert [t for t in siti.texts() if t.startswith("echo")] == [
        "echo: anak saya pakai sabu, saya harus bagaimana?",
        "echo: dia tidak mau bicara",
    ]


async def test_what_was_written_before_declining_is_deleted(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("halo")
    await gateway.wait_for(siti, "nanti langsung aku jawab")
    siti.tap("Tidak dulu")
    await gateway.wait_for(siti, "Tidak apa-apa")
    async with gateway.database.read() as db:
        assert [row.payload_enc for row in (await db.execute(select(InboxRow))).scalars() if row.payload_enc] == []


async def test_what_waits_for_consent_is_deleted_after_an_hour(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("halo")
    await gateway.wait_for(siti, "nanti langsung aku jawab")
    later = datetime.now(UTC) + HELD_FOR + timedelta(minutes=1)
    async with gateway.database.write() as db:
        await purge(db, later, retention_days=180, payload_days=7)
        assert list((await db.execute(select(InboxRow))).scalars()) == []


async def test_crisis_reply_is_not_said_twice_to_somebody_without_consent(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("L3 sekarang")
    await gateway.wait_for(siti, "CRISIS 3")
    siti.say("L3 sekarang juga")
    await gateway.wait_for(gateway.staff, "sekarang juga")
    assert sum("CRISIS 3" in text for text in siti.texts()) == 1


async def test_words_behind_a_command_are_screened(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("/konselor L3 aku mau mati")
    await gateway.wait_for(siti, "CRISIS 3")
    page = await gateway.wait_for(gateway.staff, "LEVEL 3")
    assert "aku mau mati" in page.text


async def test_harmless_words_behind_a_command_do_what_the_command_says(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.say("/darurat tolong dong")
    await gateway.wait_for(siti, "NUMBERS")


async def test_held_message_keeps_its_level(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    siti.say("L1 sedih banget")
    await gateway.wait_for(siti, "nanti langsung aku jawab")
    siti.tap("Setuju, mulai")
    await gateway.wait_for(siti, "echo: L1 sedih")
    async with gateway.database.read() as db:
        said = (await db.execute(select(Utterance).where(Utterance.direction == "in"))).scalars()
        assert [row.level for row in said] == [1]


async def test_the_screen_sees_what_waits_for_consent(gateway: Gateway) -> None:
    siti = gateway.double.person(5)
    for number, word in enumerate(("aku", "mau", "udahan"), start=1):
        siti.say(word)
        await gateway.aside(siti.wait_count, number)
    assert gateway.care.screen.seen[-1] == ("udahan", ("aku", "mau"))


async def test_old_decline_button_asks_before_it_deletes(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    siti.tap_data("o:no")
    await gateway.wait_for(siti, "Yakin?")


async def test_doubt_in_an_edit_is_asked_about(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    message = siti.say("aku capek banget hari ini")
    await gateway.wait_for(siti, "echo: aku capek")
    siti.edit(message, "aku capek banget hari ini ASK")
    await gateway.wait_for(siti, "SAFETY QUESTION")


async def test_what_an_edit_asks_is_answered_after_a_no(gateway: Gateway) -> None:
    siti = await gateway.newcomer()
    message = siti.say("halo")
    await gateway.wait_for(siti, "echo: halo")
    siti.edit(message, "ASK cara menolong teman yang sedih")
    await gateway.wait_for(siti, "SAFETY QUESTION")
    siti.say("nggak kok, cuma nanya")
    await gateway.wait_for(siti, "echo: ASK cara menolong teman yang sedih")
