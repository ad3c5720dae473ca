"""Prints the quality tables: retrieval, scope, follow-ups, coverage, and the risk screen, each beside its baselines.

Everything is measured on the `evaluate` parts, which nothing was trained or tuned on. `--nlu` adds Rasa's intents.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot.risk.evaluation import risk_tables
from knowledge.evaluation import retrieval_tables
from knowledge.settings import KnowledgeSettings


def main() -> int:
    """Print all tables, and write them to var/evaluation.txt."""
    settings = KnowledgeSettings()
    parts = []
    for make in (lambda: retrieval_tables(settings), lambda: risk_tables(settings)):
        for table in make():
            print(table, flush=True)
            parts.append(table)
    target = settings.data_dir / "evaluation.txt"
    target.write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
