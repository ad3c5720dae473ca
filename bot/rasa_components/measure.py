"""Measures the trained model on held-out utterances: `.venv-rasa/bin/python measure.py --root . --model … FILE…`.

Prints one JSON object. `right` counts the intent alone; `kept` also counts what the fallback catches, because an unsure
utterance costs nobody an answer: the knowledge base is asked then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

FALLBACK_INTENT = "nlu_fallback"
#: Intents that lead to the knowledge base.
ASKS_KNOWLEDGE = frozenset({"ask_topic", "ask_follow_up", "out_of_scope", FALLBACK_INTENT})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+", help="NLU data (.yml), or questions (.jsonl) that are ask_topic")
    options = parser.parse_args()
    sys.path[0] = str(options.root)
    files = [file.resolve() for file in options.files]
    os.chdir(options.root)
    sys.stdout.write(json.dumps(asyncio.run(measure(options.model.resolve(), files))) + "\n")


async def measure(model: Path, files: list[Path]) -> dict[str, Any]:
    """Return accuracy over all files, by intent, with the confusions, and milliseconds an utterance."""
    from bot.rasa_components.quick_load import prepare

    prepare()

    import rasa.utils.tensorflow.environment
    from rasa.core.agent import load_agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.ERROR)
    rasa.utils.tensorflow.environment.setup_tf_environment()
    agent = await load_agent(str(model))
    right: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    total: Counter[str] = Counter()
    entities: Counter[str] = Counter()
    wrong: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    cases = [case for file in files for case in read_cases(file)]
    await agent.parse_message("halo")
    started = time.perf_counter()
    for text, intent, expected in cases:
        parsed = await agent.parse_message(text)
        ranking = [item for item in parsed["intent_ranking"] if item["name"] != FALLBACK_INTENT]
        guess, found = ranking[0]["name"], parsed["intent"]["name"]
        total[intent] += 1
        right[intent] += guess == intent
        good = found in ASKS_KNOWLEDGE if intent in ASKS_KNOWLEDGE else found in (intent, FALLBACK_INTENT)
        kept[intent] += good
        if not good:
            wrong[intent].append((text, found, round(parsed["intent"]["confidence"], 2)))
        seen = {(item["entity"], text[item["start"] : item["end"]].lower()) for item in parsed["entities"]}
        entities.update(right=len(seen & expected), found=len(seen), expected=len(expected))
    seconds = time.perf_counter() - started
    return {
        "count": len(cases),
        "right": sum(right.values()) / len(cases),
        "kept": sum(kept.values()) / len(cases),
        "entity_precision": entities["right"] / max(1, entities["found"]),
        "entity_recall": entities["right"] / max(1, entities["expected"]),
        "ms_each": 1000 * seconds / len(cases),
        "by_intent": {intent: [right[intent], kept[intent], total[intent]] for intent in sorted(total)},
        "wrong": wrong,
    }


def read_cases(file: Path) -> list[tuple[str, str, set[tuple[str, str]]]]:
    """Return (utterance, intent, entities) of a file."""
    if file.suffix == ".jsonl":
        lines = file.read_text(encoding="utf-8").splitlines()
        return [(json.loads(line)["text"], "ask_topic", set()) for line in lines if line.strip()]
    from rasa.shared.nlu.training_data.loading import load_data

    cases = []
    for example in load_data(str(file)).intent_examples:
        text = example.get("text")
        marked = {(e["entity"], text[e["start"] : e["end"]].lower()) for e in example.get("entities", [])}
        cases.append((text, example.get("intent"), marked))
    return cases


if __name__ == "__main__":
    main()
