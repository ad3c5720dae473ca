"""The stock way to answer questions with Rasa, as a baseline: ResponseSelector over the same sample questions.

Run in Rasa's environment by `tools/evaluate.py`: `.venv-rasa/bin/python tools/rasa_faq.py TRAIN_DIR EVALUATE_DIR`.
Pipeline and settings are those of Rasa's own FAQ example, but for the epochs: on 21,000 questions 20 of them are more
steps than the usual 100 on the thousand of a usual FAQ, and take over half an hour on two cores.
Prints one JSON object on its last line: the rank of each evaluated question's topic, milliseconds, and memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS = 20
CONFIG = f"""
recipe: default.v1
assistant_id: faq
language: id
pipeline:
  - name: WhitespaceTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - name: CountVectorsFeaturizer
    analyzer: char_wb
    min_ngram: 1
    max_ngram: 4
  - name: ResponseSelector
    epochs: {EPOCHS}
    constrain_similarities: true
    retrieval_intent: faq
    ranking_length: 10
    random_seed: 7
policies: []
"""


def questions(folder: Path) -> list[tuple[str, str]]:
    """Return (text, topic) of every labelled question in a part's folder."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem in ("scope", "followup"):
            continue
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.strip():
                row = json.loads(line)
                found.append((" ".join(row["text"].split()), row["topic"]))
    return found


def write_project(folder: Path, train: list[tuple[str, str]]) -> None:
    """Write a Rasa project with one retrieval intent; full names can hold no dots."""
    by_topic: dict[str, list[str]] = {}
    for text, topic in train:
        by_topic.setdefault(topic, []).append(text)
    examples, responses = [], []
    for topic, texts in by_topic.items():
        lines = "\n".join(f"      - {text.replace('[', '(').replace('{', '(')}" for text in texts)
        examples.append(f"  - intent: faq/{topic.replace('.', '__')}\n    examples: |\n{lines}")
        responses.append(f"  utter_faq/{topic.replace('.', '__')}:\n    - text: {topic}")
    head = 'version: "3.1"\n'
    (folder / "nlu.yml").write_text(head + "nlu:\n" + "\n".join(examples) + "\n", encoding="utf-8")
    (folder / "domain.yml").write_text(
        head + "intents:\n  - faq\nresponses:\n" + "\n".join(responses) + "\n", encoding="utf-8"
    )
    (folder / "config.yml").write_text(CONFIG, encoding="utf-8")


async def rank(model: str, cases: list[tuple[str, str]]) -> dict[str, object]:
    """Return the place of each case's topic (0 when it is not among the first ten), and what that took."""
    from rasa.core.agent import load_agent

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    agent = await load_agent(model)
    await agent.parse_message("halo")
    ranks = []
    started = time.perf_counter()
    for text, topic in cases:
        parsed = await agent.parse_message(text)
        ranking = parsed["response_selector"]["faq"]["ranking"]
        names = [item["intent_response_key"].partition("/")[2].replace("__", ".") for item in ranking]
        ranks.append(names.index(topic) + 1 if topic in names else 0)
    took_ms = (time.perf_counter() - started) * 1000 / len(cases)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"ranks": ranks, "ms": took_ms, "mb": after / 1024, "mb_before": before / 1024, "epochs": EPOCHS}


def main() -> None:
    """Train and measure; both in this process, as one Python is enough."""
    from rasa.model_training import train_nlu
    from rasa.utils.log_utils import configure_structlog

    logging.basicConfig(level=logging.ERROR)
    configure_structlog(logging.ERROR)
    train, evaluate = questions(Path(sys.argv[1])), questions(Path(sys.argv[2]))
    if len(sys.argv) > 3:
        sys.stdout.write(json.dumps(asyncio.run(rank(sys.argv[3], evaluate))) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), train)
        model = train_nlu(
            str(Path(folder) / "config.yml"), str(Path(folder) / "nlu.yml"), folder, domain=str(Path(folder) / "domain.yml")
        )
        # Measured in a process of its own: what training left in memory is not the baseline's.
        command = [sys.executable, __file__, sys.argv[1], sys.argv[2], str(model)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        sys.stdout.write(done.stdout.splitlines()[-1] + "\n")


if __name__ == "__main__":
    main()
