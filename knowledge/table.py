"""Lays out measured figures as a plain text table."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a titled table with columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return "\n".join(["", f"## {title}", "", lines[0], "-" * len(lines[0]), *lines[1:]])
