"""Prints the quality tables: retrieval, scope, follow-ups, coverage, risk screen and intents, beside their baselines.

Everything is measured on the `evaluate` parts, which nothing was trained or tuned on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot.risk.evaluation import risk_tables
from knowledge.evaluation import Measured, retrieval_tables
from knowledge.settings import ROOT, KnowledgeSettings
from knowledge.table import text_table

RASA_PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
NLU_TEST = ROOT / "training_data" / "tests" / "nlu_test.yml"
MODEL = ROOT / "var" / "rasa-models" / "pendamping.tar.gz"


def main() -> int:
    """Print all tables, and write them to var/evaluation.txt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what runs in Rasa's environment")
    parser.add_argument("--rasa-faq", action="store_true", help="also train the stock Rasa FAQ (over half an hour)")
    options = parser.parse_args()
    settings = KnowledgeSettings()
    parts = []
    faq = stock_faq(settings) if options.rasa_faq else None
    for table in _tables(settings, faq=faq, quick=options.quick):
        print(table, flush=True)
        parts.append(table)
    (settings.data_dir / "evaluation.txt").write_text("\n".join(parts), encoding="utf-8")
    return 0


def _tables(settings: KnowledgeSettings, *, faq: Measured | None, quick: bool) -> Iterator[str]:
    yield from retrieval_tables(settings, faq=faq)
    yield from risk_tables(settings)
    if not quick:
        yield intents_table()


def stock_faq(settings: KnowledgeSettings) -> Measured:
    """Train and measure the stock Rasa FAQ, or return what was measured for the same questions before."""
    script = Path(__file__).with_name("rasa_faq.py")
    folders = [settings.questions_dir / "train", settings.questions_dir / "evaluate"]
    digest = hashlib.sha256(script.read_bytes())
    for path in sorted(path for folder in folders for path in folder.glob("*.jsonl")):
        digest.update(path.read_bytes())
    kept = settings.data_dir / "rasa-faq" / f"{digest.hexdigest()[:16]}.json"
    if not kept.exists():
        print("training the stock Rasa FAQ for comparison; over half an hour, once", file=sys.stderr, flush=True)
        found = _in_rasa(script, *map(str, folders))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
    found = json.loads(kept.read_text(encoding="utf-8"))
    return Measured(found["ranks"], found["ms"], found["mb"])


def intents_table() -> str:
    """Return how well the dialogue model tells intents apart, by intent."""
    script = ROOT / "bot" / "rasa_components" / "measure.py"
    found = _in_rasa(script, "--root", str(ROOT), "--model", str(MODEL), str(NLU_TEST))
    rows = [
        (intent, str(total), f"{right / total:.2f}", f"{kept / total:.2f}")
        for intent, (right, kept, total) in found["by_intent"].items()
    ]
    rows.append(("all", str(found["count"]), f"{found['right']:.3f}", f"{found['kept']:.3f}"))
    title = f"Intents, unseen utterances; {found['ms_each']:.1f} ms each, entities found {found['entity_recall']:.2f}"
    return text_table(title, ("intent", "n", "right", "right or asks the knowledge base"), rows)


def _in_rasa(script: Path, *arguments: str) -> Any:
    done = subprocess.run([str(RASA_PYTHON), str(script), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    raise SystemExit(main())
