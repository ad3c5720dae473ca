"""The learning loop: queued questions are grouped, and each decision takes them off the queue once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from knowledge.dataset import Part, read_questions
from knowledge.errors import ContentError
from knowledge.language import Normalizer
from knowledge.review import (
    ReviewGroup,
    attach,
    drop,
    find_group,
    group_questions,
    mark_gap,
    read_queue,
    without_identity,
)
from knowledge.review_desk import Decisions, Desk, Reading, review
from tests.unit.knowledge.content import FolderSettings, WordEncoder

TOPICS = {"rehab.cost": "Biaya", "rehab.what-to-bring": "Barang bawaan", "family.trust": "Percaya"}
GUITAR = ("boleh bawa gitar", "boleh bawa gitar tidak", "bawa gitar boleh")
DOG = ("siapa jaga anjing",)
Write = Callable[[Path, list[dict[str, Any]]], Path]


def rank(_text: str) -> Sequence[str]:
    return ["rehab.what-to-bring", "rehab.cost"]


@pytest.fixture
def queue(settings: FolderSettings, write_rows: Write) -> FolderSettings:
    """Settings with two groups in the queue; one question was asked twice."""
    texts = [*GUITAR, GUITAR[0].upper(), *DOG]
    rows = [{"text": text, "language": "id", "reason": "unanswered"} for text in texts]
    write_rows(settings.review_dir / "questions.jsonl", rows)
    return settings


@pytest.fixture
def groups(queue: FolderSettings, encoder: WordEncoder, normalizer: Normalizer) -> list[ReviewGroup]:
    return group_questions(read_queue(queue), encoder, normalizer, rank)


def waiting(settings: FolderSettings) -> list[str]:
    return [question.text for question in read_queue(settings)]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("jam berapa jenguk?", "jam berapa jenguk?"),
        ("telp saya 0812-3456-7890 ya", "telp saya ya"),
        ("nik 3171234567890001", "nik"),
        ("email ani@contoh.id dong", "email dong"),
        ("cek https://contoh.id/x?id=3 bang", "cek bang"),
        ("tanya @bu_rina deh", "tanya deh"),
        ("UU 35/2009 pasal 54, 12 jam", "UU 35/2009 pasal 54, 12 jam"),
        ("dua\nbaris", "dua baris"),
        ("x" * 1_000, "x" * 400),
    ],
)
def test_identity_is_taken_out(typed: str, kept: str) -> None:
    assert without_identity(typed) == kept


def test_an_empty_queue_gives_no_groups(settings: FolderSettings, encoder: WordEncoder, normalizer: Normalizer) -> None:
    assert read_queue(settings) == []
    assert group_questions([], encoder, normalizer, rank) == []


def test_a_broken_line_is_named(settings: FolderSettings, write_rows: Write) -> None:
    write_rows(settings.review_dir / "questions.jsonl", [{"text": "a"}])
    with pytest.raises(ContentError, match=r"questions\.jsonl:1: the fields \['language', 'reason'\] are missing"):
        read_queue(settings)


def test_alike_questions_form_a_group_the_most_asked_first(groups: list[ReviewGroup]) -> None:
    assert [group.count for group in groups] == [4, 1]
    assert {question.shown.casefold() for question in groups[0].questions} == set(GUITAR)
    assert groups[0].nearest == ("rehab.what-to-bring", "rehab.cost")


def test_a_group_keeps_its_id_when_another_is_decided(
    queue: FolderSettings, groups: list[ReviewGroup], encoder: WordEncoder, normalizer: Normalizer
) -> None:
    drop(queue, groups[1])
    assert [group.id for group in group_questions(read_queue(queue), encoder, normalizer, rank)] == [groups[0].id]


def test_questions_without_words_form_no_group(
    settings: FolderSettings, write_rows: Write, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    rows = [{"text": text, "language": "id", "reason": "unanswered"} for text in ("😀", "", "???")]
    write_rows(settings.review_dir / "questions.jsonl", rows)
    assert group_questions(read_queue(settings), encoder, normalizer, rank) == []


def test_attached_questions_are_trained_on_next(queue: FolderSettings, groups: list[ReviewGroup]) -> None:
    assert attach(queue, groups[0], "rehab.what-to-bring", topics=TOPICS) == 3
    questions = read_questions(queue.questions_dir, Part.TRAIN)
    assert {(question.topic, question.style) for question in questions} == {("rehab.what-to-bring", "curated")}
    assert {question.text.casefold() for question in questions} == set(GUITAR)
    assert waiting(queue) == list(DOG)


@pytest.mark.parametrize("part", ["evaluate", "tune", "train"])
def test_a_question_known_already_is_not_added_again(
    queue: FolderSettings, groups: list[ReviewGroup], write_rows: Write, part: str
) -> None:
    known = {"text": "Boleh bawa gitar tidak", "topic": "x.y", "lang": "id", "speaker": "resident", "style": "plain"}
    write_rows(queue.questions_dir / part / "a.jsonl", [known])
    assert attach(queue, groups[0], "rehab.what-to-bring", topics=TOPICS) == 2


def test_an_unknown_topic_is_refused_and_nothing_changes(queue: FolderSettings, groups: list[ReviewGroup]) -> None:
    before = waiting(queue)
    with pytest.raises(ContentError, match=r"'rehab\.music' is no topic of topics\.yaml"):
        attach(queue, groups[0], "rehab.music", topics=TOPICS)
    assert waiting(queue) == before
    assert read_questions(queue.questions_dir, Part.TRAIN) == []


def test_a_gap_is_noted_and_taken_off(queue: FolderSettings, groups: list[ReviewGroup]) -> None:
    mark_gap(queue, groups[1], today=dt.date(2026, 11, 21))
    (gap,) = [json.loads(line) for line in (queue.review_dir / "gaps.jsonl").read_text(encoding="utf-8").splitlines()]
    assert gap == {
        "group": groups[1].id,
        "noted": "2026-11-21",
        "count": 1,
        "nearest": ["rehab.what-to-bring", "rehab.cost"],
        "questions": list(DOG),
    }
    assert DOG[0] not in waiting(queue)


def test_dropping_keeps_what_came_in_meanwhile(queue: FolderSettings, groups: list[ReviewGroup]) -> None:
    path = queue.review_dir / "questions.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"text": "baru", "language": "id", "reason": "not_helpful"}\n')
    drop(queue, groups[0])
    assert waiting(queue) == [*DOG, "baru"]
    assert path.stat().st_mode & 0o077 == 0


def test_an_unknown_group_is_refused(groups: list[ReviewGroup]) -> None:
    assert find_group(groups, groups[1].id) is groups[1]
    with pytest.raises(ContentError, match="there is no group 'zzz': it was decided or has grown"):
        find_group(groups, "zzz")


class Curator:
    """A desk whose printed lines are kept, and somebody who types prepared answers."""

    def __init__(self, settings: FolderSettings, reading: Reading, answers: Sequence[str] | None = None) -> None:
        self.lines: list[str] = []
        self._answers = None if answers is None else list(answers)
        self._desk = Desk(settings, TOPICS, dt.date(2026, 11, 21), self.lines.append)
        self._reading = reading

    def review(self, decisions: Decisions | None = None) -> str:
        review(self._desk, lambda: self._reading, decisions or Decisions(), self._answers and self._type)
        return "\n".join(self.lines)

    def _type(self, prompt: str) -> str:
        self.lines.append(prompt)
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


@pytest.fixture
def reading(encoder: WordEncoder, normalizer: Normalizer) -> Reading:
    return encoder, normalizer, rank


def test_nothing_waiting_is_said_without_loading_a_model(settings: FolderSettings) -> None:
    said: list[str] = []
    desk = Desk(settings, TOPICS, dt.date(2026, 11, 21), said.append)

    def load() -> Reading:
        raise AssertionError("a model was loaded")

    review(desk, load, Decisions(), None)
    assert said == ["nothing waits for review (`python -m bot export-reviews` moves new questions here)"]


def test_without_anybody_to_ask_groups_are_shown_only(queue: FolderSettings, reading: Reading) -> None:
    shown = Curator(queue, reading).review()
    assert "asked 4 times (unanswered)" in shown
    assert "  1. rehab.what-to-bring  Barang bawaan" in shown
    assert shown.endswith("5 questions in 2 groups; --attach GROUP TOPIC, --gap GROUP or --drop GROUP")
    assert len(waiting(queue)) == 5


@pytest.mark.parametrize(
    ("answers", "left", "trained"),
    [
        pytest.param(["1", "d"], [], {"rehab.what-to-bring"}, id="number-then-drop"),
        pytest.param(["rehab.cost", "g"], [], {"rehab.cost"}, id="topic-id-then-gap"),
        pytest.param(["", "d"], [*GUITAR, GUITAR[0].upper()], set(), id="later-then-drop"),
        pytest.param(["q"], [*GUITAR, GUITAR[0].upper(), *DOG], set(), id="quit"),
        pytest.param(["9", "cost", "2", "q"], list(DOG), {"rehab.cost"}, id="mistakes-are-asked-again"),
        pytest.param(["1"], list(DOG), {"rehab.what-to-bring"}, id="end-of-input"),
    ],
)
def test_the_curator_decides_group_by_group(
    queue: FolderSettings, reading: Reading, answers: list[str], left: list[str], trained: set[str]
) -> None:
    Curator(queue, reading, answers).review()
    assert waiting(queue) == left
    assert {question.topic for question in read_questions(queue.questions_dir, Part.TRAIN)} == trained


def test_a_mistake_shows_topics_like_it(queue: FolderSettings, reading: Reading) -> None:
    shown = Curator(queue, reading, ["cost", "q"]).review()
    assert "'cost' is no choice; topics: rehab.cost" in shown


def test_a_script_decides_by_flags(queue: FolderSettings, reading: Reading, groups: list[ReviewGroup]) -> None:
    decisions = Decisions(attach=[(groups[0].id, "rehab.cost")], gap=[groups[1].id])
    shown = Curator(queue, reading).review(decisions)
    assert waiting(queue) == []
    assert f"{groups[0].id}: 3 questions added to rehab.cost" in shown
    assert f"{groups[1].id}: noted in review/gaps.jsonl" in shown


@pytest.mark.parametrize(
    ("attached", "dropped", "expected"),
    [
        pytest.param("rehab.cost", "zzz", "there is no group 'zzz'", id="unknown-group"),
        pytest.param("rehab.music", None, r"'rehab\.music' is no topic", id="unknown-topic"),
        pytest.param("rehab.cost", "same", "is decided twice: decide once", id="twice"),
    ],
)
def test_a_wrong_flag_stops_before_anything_is_done(
    queue: FolderSettings,
    reading: Reading,
    groups: list[ReviewGroup],
    attached: str,
    dropped: str | None,
    expected: str,
) -> None:
    drops = [groups[0].id if dropped == "same" else dropped] if dropped else []
    with pytest.raises(ContentError, match=expected):
        Curator(queue, reading).review(Decisions(attach=[(groups[0].id, attached)], drop=drops))
    assert len(waiting(queue)) == 5


def test_a_decision_on_an_empty_queue_is_refused(settings: FolderSettings, reading: Reading) -> None:
    with pytest.raises(ContentError, match="there is no group 'abc'"):
        Curator(settings, reading).review(Decisions(drop=["abc"]))
