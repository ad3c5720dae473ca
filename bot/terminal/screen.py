"""`python -m bot screen --jsonl FILE`: what the risk screen says of each text."""

from __future__ import annotations

from bot.ports import Screen
from bot.services.cleaning import clean_text, text_for_screen
from bot.terminal.lines import LineReader, write_line


def screen_file(path: str, screen: Screen) -> int:
    """Screen lines `{"id", "text"}`, optional `"history"` and `"role"`. Returns the exit code."""
    reader = LineReader(path)
    for number, item in reader:
        text = item.get("text")
        if not isinstance(text, str):
            reader.report(number, 'expected "text" to be a string')
            continue
        history = [str(part) for part in item.get("history") or [] if isinstance(part, str)]
        role = item.get("role") if isinstance(item.get("role"), str) else None
        try:
            assessment = screen.screen(text_for_screen(clean_text(text)), history=history, role=role)
        except Exception as exc:  # entry point of a line; the gateway would call a human here
            reader.report(number, f"the screen failed ({type(exc).__name__})")
            continue
        write_line(
            {
                "id": item["id"],
                "level": int(assessment.level),
                "categories": list(assessment.categories),
                "ask": bool(assessment.ask),
                "evidence": [{"words": e.words, "source": e.source} for e in assessment.evidence],
            }
        )
    return reader.exit_code
