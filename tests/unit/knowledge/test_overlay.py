"""A centre's own passages: marked as local, preferred, and able to answer what otherwise only a centre can."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import knowledge.build as build_module
from knowledge.answer import Responder
from knowledge.build import build_index, fingerprint, read_content, read_topics
from knowledge.check import check_content
from knowledge.contact import CONTACTS_FILE, read_contacts
from knowledge.dataset import read_local_questions
from knowledge.errors import ContentError
from knowledge.index import KnowledgeIndex
from knowledge.language import Normalizer
from knowledge.passage import read_passages
from knowledge.settings import ROOT
from tests.unit.knowledge.content import FolderSettings, WordEncoder, passage_text
from tests.unit.knowledge.small_world import TOPICS, write_lines, write_world

EXAMPLE = ROOT / "knowledge" / "overlay.example"
ROOM = "kamar adik saya nomor berapa"
Write = Callable[[Path, list[dict[str, Any]]], Path]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderSettings:
    """The small world with an overlay of one passage, one question and one number."""
    monkeypatch.setattr(build_module, "read_topics", lambda: {name: dict(titles) for name, titles in TOPICS.items()})
    settings = write_world(tmp_path)
    settings.overlay_dir.mkdir()
    text = passage_text(
        id="local.rooms",
        topic="rehab.visits-phone",
        audience="both",
        title={"id": "Kamar residen", "en": "Rooms"},
        id_body="Tanya kamar ke resepsionis di {contact.reception}.",
        en_body="Ask the reception on {contact.reception} about rooms.",
        related=["family.trust", "family.nothing"],
        sources=[{"institution": "Rumah Contoh", "title": "Tata tertib", "year": 2026}],
    )
    (settings.overlay_dir / "rooms.md").write_text(text, encoding="utf-8")
    write_lines(settings.overlay_questions, [{"text": ROOM, "topic": "rehab.visits-phone", "lang": "id"}])
    entry = next(
        e for e in yaml.safe_load(CONTACTS_FILE.read_text(encoding="utf-8"))["contacts"] if e["id"] == "police"
    )
    own = {"contacts": [{**entry, "id": "reception", "number": "0000-1"}]}
    settings.overlay_contacts.write_text(yaml.safe_dump(own, allow_unicode=True), encoding="utf-8")
    return settings


def test_what_only_a_centre_knows_is_refused_without_an_overlay(
    small_index: KnowledgeIndex, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    answer = Responder(small_index, encoder, normalizer).answer([ROOM])
    assert (answer.answered, answer.reason) == (False, "unanswerable")


def test_the_overlay_answers_it_and_is_marked(
    world: FolderSettings, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    said: list[str] = []
    responder = Responder(build_index(world, encoder, normalizer, say=said.append), encoder, normalizer)
    answer = responder.answer([ROOM])
    assert answer.passage_id == "local.rooms"
    assert answer.text.startswith("Aturan di tempat ini:\n\nTanya kamar ke resepsionis di 0000-1.")
    assert "Sumber: Rumah Contoh: Tata tertib (2026)" in answer.text
    assert answer.related == (("family.trust", "Membangun kepercayaan"),)  # a dead link is left out
    assert f"1 of the passages are the centre's own, from {world.overlay_dir}" in said


def test_other_questions_that_only_a_centre_can_answer_are_still_refused(
    world: FolderSettings, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    responder = Responder(build_index(world, encoder, normalizer, say=lambda _text: None), encoder, normalizer)
    assert not responder.answer(["siapa nama dokter jaga malam"]).answered


def test_overlay_questions_are_indexed(world: FolderSettings) -> None:
    content = read_content(world)
    assert [question.text for question in content.questions if question.style == "local"] == [ROOM]
    assert list(content.local_questions) == [ROOM, "Kamar residen", "Rooms"]


def test_an_overlay_question_of_an_unknown_topic_is_refused(world: FolderSettings, write_rows: Write) -> None:
    write_rows(world.overlay_questions, [{"text": ROOM, "topic": "rehab.rooms", "lang": "id"}])
    with pytest.raises(ContentError, match=r"'rehab\.rooms'\] are no topics"):
        read_content(world)


@pytest.mark.parametrize("name", ["questions.jsonl", "contacts.yaml"])
def test_a_changed_overlay_makes_the_index_stale(world: FolderSettings, name: str) -> None:
    before = fingerprint(world, "words")
    path = world.overlay_dir / name
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert fingerprint(world, "words") != before


def test_a_contact_of_the_overlay_may_not_take_a_general_id(world: FolderSettings) -> None:
    text = world.overlay_contacts.read_text(encoding="utf-8").replace("reception", "ambulance")
    world.overlay_contacts.write_text(text, encoding="utf-8")
    with pytest.raises(
        ContentError, match=r"the contact 'ambulance' also stands in contacts\.yaml: give it another id"
    ):
        read_contacts(overlay=world.overlay_contacts)


def test_without_an_overlay_there_are_the_general_contacts_only(settings: FolderSettings) -> None:
    assert "ambulance" in read_contacts(overlay=settings.overlay_contacts)


def test_the_example_passes_the_check(tmp_path: Path) -> None:
    settings = FolderSettings(_env_file=None, data_dir=tmp_path, overlay_dir=EXAMPLE, content_dir=tmp_path)
    found = check_content(settings, today=dt.date(2026, 11, 21))
    assert [str(finding) for finding in found if "overlay" in finding.path] == []


def test_the_example_covers_what_only_a_centre_knows() -> None:
    passages = read_passages(EXAMPLE, local=True)
    expected = {"local.visits", "local.phone", "local.address", "local.price", "local.counselors"}
    assert {passage.id for passage in passages} == expected
    questions = read_local_questions(EXAMPLE / "questions.jsonl")
    assert {question.topic for question in questions} == {passage.topic for passage in passages} <= set(read_topics())
    assert {question.language for question in questions} == {"id", "en"}
