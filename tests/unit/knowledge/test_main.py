"""The command line: exit codes, and messages that say what to do."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import knowledge.answer as answer_module
import knowledge.contact as contact_module
from knowledge.__main__ import main
from knowledge.answer import Answer, ScoredTopic
from knowledge.contact import Contact, ContactBook
from knowledge.errors import PassageIndexError


class FakeResponder:
    """Answers with what it was asked."""

    @classmethod
    def load(cls, _settings: object) -> FakeResponder:
        return cls()

    def answer(self, turns: Sequence[str], *, speaker: str | None = None) -> Answer:
        topics = (ScoredTopic("rehab.cost", 0.9),)
        return Answer(True, None, topics, f"{speaker}: {' / '.join(turns)}", "id", sources=("UNODC",))


@pytest.fixture
def responder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_module, "Responder", FakeResponder)


@pytest.mark.usefixtures("responder")
def test_ask_prints_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "berapa", "biayanya"]) == 0
    assert capsys.readouterr().out == "None: berapa biayanya\n"


@pytest.mark.usefixtures("responder")
def test_ask_answers_a_file_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.jsonl"
    rows = [{"id": 1, "text": "a\u2028b"}, {"id": 2, "turns": ["x", "y"], "speaker": "family"}]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", encoding="utf-8")
    assert main(["ask", "--jsonl", str(path)]) == 0
    results = [json.loads(line) for line in capsys.readouterr().out.split("\n") if line]
    assert [(row["id"], row["answer"]) for row in results] == [(1, "None: a\u2028b"), (2, "family: x / y")]
    assert results[0]["topics"] == ["rehab.cost"]
    assert set(results[0]) == {"id", "answered", "reason", "topics", "answer", "sources"}


@pytest.mark.usefixtures("responder")
@pytest.mark.parametrize("line", ["{", "[]", "3", '"a"', "{}", '{"text": null}', '{"turns": "a"}', '{"turns": [1]}'])
def test_an_unusable_line_is_named_and_the_others_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{line}\n{{"id": 2, "text": "x"}}\n', encoding="utf-8")
    assert main(["ask", "--jsonl", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("line 1: not usable (")
    assert json.loads(captured.out)["id"] == 2


@pytest.mark.usefixtures("responder")
def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--jsonl", str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl can't be read: No such file" in capsys.readouterr().err


def test_ask_without_a_question_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask"]) == 1
    assert "give a question, or --jsonl FILE" in capsys.readouterr().err


def test_what_went_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        @classmethod
        def load(cls, _settings: object) -> None:
            raise PassageIndexError("no index has been built yet: run `python -m knowledge build`")

    monkeypatch.setattr(answer_module, "Responder", Broken)
    assert main(["ask", "x"]) == 1
    assert capsys.readouterr().err == "error: no index has been built yet: run `python -m knowledge build`\n"


@pytest.mark.parametrize(
    ("arguments", "expected"), [(["contacts"], ["119", "110"]), (["contacts", "--due"], ["110"])], ids=["all", "due"]
)
def test_contacts_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[str]
) -> None:
    far, past = dt.date(2999, 1, 1), dt.date(2020, 1, 1)

    def contact(number: str, review_by: dt.date) -> Contact:
        both = {"id": "Nama", "en": "Name"}
        return Contact(number, number, both, both, both, frozenset(), True, "x", past, review_by)

    book = ContactBook({"119": contact("119", far), "110": contact("110", past)})
    monkeypatch.setattr(contact_module, "read_contacts", lambda **_options: book)
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == expected
    assert all("confirmed; verify by" in line for line in lines)


def test_no_contact_due_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(contact_module, "read_contacts", lambda **_options: ContactBook({}))
    assert main(["contacts", "--due"]) == 0
    assert capsys.readouterr().out == "no contact is past its review date\n"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["build", "--now"]])
def test_an_unknown_command_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m knowledge" in capsys.readouterr().err
