"""Moves the review queue to the file that `python -m knowledge review` reads: question, language, reason; no more."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from bot.errors import ConfigError
from bot.store.database import Database
from bot.store.reviews import QueuedQuestion, take_review_questions


async def export_reviews(database: Database, path: Path) -> int:
    """Append all queued questions to a file and take them off the queue; returns how many.

    The file is written before the rows are gone: after a failure in between, questions stand there twice and none is
    lost.

    Raises:
        ConfigError: The file can't be written.
    """
    async with database.write() as db:
        questions = await take_review_questions(db)
        if questions:
            await asyncio.to_thread(_append, path, questions)
    return len(questions)


def _append(path: Path, questions: list[QueuedQuestion]) -> None:
    lines = [
        json.dumps({"text": q.text, "language": q.language, "reason": q.reason}, ensure_ascii=False) for q in questions
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise ConfigError(f"The review file {path} can't be written: {exc.strerror}.") from exc
