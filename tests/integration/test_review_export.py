"""The review queue leaves the database as questions without identity, each once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.services.review_export import export_reviews
from bot.store.database import Database
from bot.store.reviews import add_review_question

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)


async def queue(database: Database, *texts: str) -> None:
    async with database.write() as db:
        for text in texts:
            await add_review_question(db, text, language="id", reason="unanswered", now=NOW, key="rehab.cost.x")


async def test_questions_are_moved_with_language_and_reason_only(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "review" / "questions.jsonl"
    await queue(database, "boleh bawa gitar?")
    assert await export_reviews(database, path) == 1
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"text": "boleh bawa gitar?", "language": "id", "reason": "unanswered"}
    ]
    assert path.stat().st_mode & 0o077 == 0


async def test_a_question_is_moved_once_and_later_ones_are_added(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    await queue(database, "satu", "dua")
    assert await export_reviews(database, path) == 2
    assert await export_reviews(database, path) == 0
    await queue(database, "tiga")
    assert await export_reviews(database, path) == 1
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(texts) == ["dua", "satu", "tiga"]


async def test_nothing_is_lost_when_the_file_cannot_be_written(database: Database, tmp_path: Path) -> None:
    await queue(database, "satu")
    (tmp_path / "a-file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="can't be written"):
        await export_reviews(database, tmp_path / "a-file" / "questions.jsonl")
    assert await export_reviews(database, tmp_path / "questions.jsonl") == 1
