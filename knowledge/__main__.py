"""The knowledge base's commands: build, check, ask, train, contacts, review. See `python -m knowledge --help`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge.errors import KnowledgeError
from knowledge.settings import KnowledgeSettings

#: More topics than a person is ever shown, so that a batch shows where the right one stood.
_BATCH_TOPICS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 refused or failed, 2 some input lines were unusable."""
    parser = argparse.ArgumentParser(prog="python -m knowledge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build encoder and index where they are stale")
    build.add_argument("--force", action="store_true", help="build even when nothing has changed")
    commands.add_parser("check", help="check every passage, contact and question")
    ask = commands.add_parser("ask", help="answer a question, or a file of them")
    ask.add_argument("question", nargs="*", help="the question")
    ask.add_argument("--jsonl", type=Path, help='lines {"id","text"} or {"id","turns":[...]}, optional "speaker"')
    train = commands.add_parser("train", help="adapt the encoder (hours on two cores)")
    train.add_argument("--resume", action="store_true", help="go on after an interruption")
    train.add_argument("--from-shipped", action="store_true", help="start from the shipped encoder")
    train.add_argument("--epochs", type=float, default=None, help="passes over the data")
    train.add_argument("--learning-rate", type=float, default=None, help="peak learning rate of the encoder")
    contacts = commands.add_parser("contacts", help="list emergency and help numbers")
    contacts.add_argument("--due", action="store_true", help="only those past their review date")
    review = commands.add_parser("review", help="go through questions that got no good answer")
    review.add_argument("--list", action="store_true", help="only show the groups, don't ask")
    review.add_argument("--attach", nargs=2, metavar=("GROUP", "TOPIC"), action="append", default=[])
    review.add_argument("--gap", metavar="GROUP", action="append", default=[], help="no topic answers this group")
    review.add_argument("--drop", metavar="GROUP", action="append", default=[], help="nothing to be learnt here")
    parsed = parser.parse_args(arguments)
    handlers: dict[str, Callable[[argparse.Namespace, KnowledgeSettings], int]] = {
        "build": _build,
        "check": _check,
        "ask": _ask,
        "train": _train,
        "contacts": _contacts,
        "review": _review,
    }
    try:
        return handlers[parsed.command](parsed, KnowledgeSettings())
    except KnowledgeError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1


def _build(arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.answer import load_encoder
    from knowledge.build import build_if_stale
    from knowledge.encoder.serving_files import make_if_stale
    from knowledge.language import load_normalizer

    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[knowledge] {text}", flush=True)

    made = make_if_stale(settings.encoder_dir)
    say("encoder: built" if made else "encoder: up to date")
    built = build_if_stale(settings, load_encoder(settings), load_normalizer(), say=say, force=arguments.force)
    say(f"index: built in {time.monotonic() - started:.0f} s" if built else "index: up to date")
    return 0


def _check(_arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.check import check_content

    findings = check_content(settings, today=dt.date.today())
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" if findings else "every passage, contact and question is in order")
    return 1 if findings else 0


def _ask(arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.answer import Responder

    if arguments.jsonl is None and not arguments.question:
        print('error: give a question, or --jsonl FILE', file=sys.stderr)
        return 1
    responder = Responder.load(settings)
    if arguments.jsonl is None:
        print(responder.answer([" ".join(arguments.question)]).text)
        return 0
    bad = 0
    try:
        text = arguments.jsonl.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as exc:
        print(f"error: {arguments.jsonl} can't be read: {exc.strerror}", file=sys.stderr)
        return 1
    # Not splitlines(): a question may hold a Unicode line separator.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            turns = row["turns"] if "turns" in row else [row["text"]]
            if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
                raise TypeError("turns must be a list of texts")
        except (json.JSONDecodeError, KeyError, TypeError) as exc:
            expected = 'expected {"id","text"} or {"id","turns"}'
            print(f"line {number}: not usable ({exc}): {expected}", file=sys.stderr)
            bad += 1
            continue
        answer = responder.answer(turns, speaker=row.get("speaker"))
        result = {
            "id": row.get("id"),
            "answered": answer.answered,
            "reason": answer.reason,
            "topics": [topic.id for topic in answer.topics[:_BATCH_TOPICS]],
            "answer": answer.text,
            "sources": list(answer.sources),
        }
        print(json.dumps(result, ensure_ascii=False), flush=True)
    return 2 if bad else 0


def _train(arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from dataclasses import replace

    from knowledge.encoder.training import Recipe
    from knowledge.train import train

    recipe = Recipe()
    if arguments.epochs is not None:
        recipe = replace(recipe, epochs=arguments.epochs)
    if arguments.learning_rate is not None:
        recipe = replace(recipe, learning_rate=arguments.learning_rate)
    path = train(settings, recipe=recipe, go_on=arguments.resume, from_delta=arguments.from_shipped)
    print(f"wrote {path.name} ({path.stat().st_size / 1e6:.1f} MB); `make run` rebuilds what depends on it")
    return 0


def _review(arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.build import read_topics
    from knowledge.review_desk import Decisions, Desk, Reading, review

    def load() -> Reading:
        from knowledge.answer import Responder, load_encoder
        from knowledge.index import load_index
        from knowledge.language import load_normalizer

        encoder, normalizer = load_encoder(settings), load_normalizer()
        responder = Responder(load_index(settings.index_dir, encoder_id=encoder.model_id), encoder, normalizer)
        return encoder, normalizer, lambda text: [topic.id for topic in responder.answer([text]).topics]

    titles = {topic: names["id"] for topic, names in read_topics().items()}
    desk = Desk(settings, titles, dt.date.today(), print)
    decisions = Decisions([(group, topic) for group, topic in arguments.attach], arguments.gap, arguments.drop)
    review(desk, load, decisions, input if sys.stdin.isatty() and not arguments.list else None)
    return 0


def _contacts(arguments: argparse.Namespace, settings: KnowledgeSettings) -> int:
    from knowledge.contact import read_contacts

    book = read_contacts(overlay=settings.overlay_contacts)
    shown = book.due(dt.date.today()) if arguments.due else list(book)
    for contact in shown:
        state = "confirmed" if contact.confirmed else "not confirmed, never shown"
        print(f"{contact.number:<16} {contact.name['id']:<36} {state}; verify by {contact.review_by}")
    if arguments.due and not shown:
        print("no contact is past its review date")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
