"""Labelled texts: three parts read apart, and errors that name file, line and the mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge.dataset import (
    FollowUp,
    OutOfScope,
    Part,
    Question,
    RiskMessage,
    Scope,
    read_follow_ups,
    read_out_of_scope,
    read_questions,
    read_risk_messages,
)
from knowledge.errors import ContentError

QUESTION = {
    "text": "kapan boleh jenguk",
    "topic": "rehab.visits-phone",
    "lang": "id",
    "speaker": "family",
    "style": "slang",
}
Write = Callable[[Path, list[dict[str, Any]]], Path]


def test_reads_the_questions_of_one_part_only(tmp_path: Path, write_rows: Write) -> None:
    write_rows(tmp_path / "train" / "rehab.jsonl", [QUESTION])
    write_rows(tmp_path / "tune" / "rehab.jsonl", [{**QUESTION, "text": "other"}])
    expected = [Question("kapan boleh jenguk", "rehab.visits-phone", "id", "family", "slang")]
    assert read_questions(tmp_path, Part.TRAIN) == expected


def test_scope_and_followup_files_are_no_questions(tmp_path: Path, write_rows: Write) -> None:
    write_rows(tmp_path / "train" / "scope.jsonl", [{"text": "hujan ga", "scope": "off_topic", "lang": "id"}])
    write_rows(tmp_path / "train" / "followup.jsonl", [{"turns": ["sakau sabu?", "kalau ganja?"], "topic": "a.b"}])
    assert read_questions(tmp_path, Part.TRAIN) == []
    assert read_out_of_scope(tmp_path, Part.TRAIN) == [OutOfScope("hujan ga", Scope.OFF_TOPIC, "id")]
    assert read_follow_ups(tmp_path, Part.TRAIN) == [FollowUp(("sakau sabu?", "kalau ganja?"), "a.b")]


def test_reads_risk_messages(tmp_path: Path, write_rows: Write) -> None:
    row = {"text": "capek", "level": 2, "categories": ["suicide"], "lang": "id", "speaker": "resident", "style": "x"}
    write_rows(tmp_path / "tune" / "a.jsonl", [row])
    assert read_risk_messages(tmp_path, Part.TUNE) == [RiskMessage("capek", 2, ("suicide",), "id", "resident", "x")]


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert read_questions(tmp_path, Part.EVALUATE) == []
    assert read_out_of_scope(tmp_path, Part.EVALUATE) == []


def test_blank_lines_and_unicode_separators_are_no_line_ends(tmp_path: Path, write_rows: Write) -> None:
    path = write_rows(tmp_path / "train" / "a.jsonl", [{**QUESTION, "text": "satu\u2028dua\x85tiga"}])
    path.write_text("\n" + path.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    assert [question.text for question in read_questions(tmp_path, Part.TRAIN)] == ["satu\u2028dua\x85tiga"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param('{"text": "a"', ":2: no valid JSON (", id="not-closed"),
        pytest.param("kapan boleh jenguk", ":2: no valid JSON (", id="no-json"),
        pytest.param('["a"]', ":2: expected an object with", id="a-list"),
        pytest.param(
            '{"text": "a", "topic": "b"}', ":2: the fields ['lang', 'speaker', 'style'] are missing: add", id="fields"
        ),
        pytest.param(
            '{"text": 3, "topic": "b", "lang": "id", "speaker": "x", "style": "y"}',
            ":2: 'text' is to be a text, got 3",
            id="text-a-number",
        ),
    ],
)
def test_a_wrong_question_is_named(tmp_path: Path, write_rows: Write, line: str, expected: str) -> None:
    path = write_rows(tmp_path / "train" / "a.jsonl", [QUESTION])
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        read_questions(tmp_path, Part.TRAIN)
    assert str(caught.value).startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("scope", {"text": "a", "scope": "boring", "lang": "id"}, "'scope' is to be one of in_scope, off_topic"),
        ("scope", {"text": "a", "scope": "harmful"}, "the fields ['lang'] are missing"),
        ("followup", {"turns": ["only one"], "topic": "a.b"}, "'turns' is to be a list of two texts or more"),
        ("followup", {"turns": "a", "topic": "a.b"}, "'turns' is to be a list of two texts or more"),
    ],
)
def test_a_wrong_scope_or_followup_row_is_named(
    tmp_path: Path, write_rows: Write, name: str, row: dict[str, Any], expected: str
) -> None:
    path = write_rows(tmp_path / "train" / f"{name}.jsonl", [row])
    with pytest.raises(ContentError) as caught:
        read_out_of_scope(tmp_path, Part.TRAIN)
        read_follow_ups(tmp_path, Part.TRAIN)
    assert str(caught.value).startswith(f"{path}:1: {expected}")


@pytest.mark.parametrize("changes", [{"level": 4}, {"level": "2"}, {"categories": "suicide"}])
def test_a_wrong_risk_row_is_named(tmp_path: Path, write_rows: Write, changes: dict[str, Any]) -> None:
    row = {"text": "x", "level": 0, "categories": [], "lang": "id", "speaker": "resident", "style": "x", **changes}
    write_rows(tmp_path / "train" / "a.jsonl", [row])
    with pytest.raises(ContentError, match=rf"a\.jsonl:1: '{next(iter(changes))}' is to be"):
        read_risk_messages(tmp_path, Part.TRAIN)


def test_another_encoding_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "train" / "a.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'\n{"text": "caf\xe9"}\n')
    with pytest.raises(ContentError, match=r"a\.jsonl:2: not UTF-8"):
        read_questions(tmp_path, Part.TRAIN)
