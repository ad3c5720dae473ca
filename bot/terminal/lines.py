"""Reads JSON lines from files that anybody may have written: a bad line is reported, never fatal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bot.errors import ConfigError

BAD_LINE_EXIT = 2


class LineReader:
    """Iterates over the objects of a JSON-lines file.

    Args:
        path: A file, or "-" for standard input.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.bad = 0

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._path == "-":
            yield from self._read(sys.stdin.buffer)
            return
        try:
            with Path(self._path).open("rb") as file:
                yield from self._read(file)
        except OSError as exc:
            raise ConfigError(f"{self._path} can't be read: {exc.strerror}.") from exc

    def _read(self, file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                item = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as exc:
                self.report(number, f"no JSON ({type(exc).__name__})")
                continue
            if not isinstance(item, dict) or "id" not in item:
                self.report(number, 'expected an object with "id"')
                continue
            yield number, item

    def report(self, number: int, problem: str) -> None:
        """Say on standard error what is wrong with a line, without quoting it."""
        self.bad += 1
        sys.stderr.write(f"{self._path}:{number}: {problem}\n")

    @property
    def exit_code(self) -> int:
        return BAD_LINE_EXIT if self.bad else 0


def write_line(item: dict[str, Any]) -> None:
    """Print one JSON object; what no encoding can hold becomes a question mark."""
    text = json.dumps(item, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
