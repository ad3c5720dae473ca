"""`python -m bot COMMAND`: run, chat or screen. What the operator can mend ends with one clear text and exit code 2."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from bot.errors import BotError, ConfigError
from bot.logging import configure_logging
from bot.settings import Settings


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot", description="Pendamping's gateway")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve Telegram, or talk in the terminal where no token is set")
    chat = commands.add_parser("chat", help="talk in the terminal")
    chat.add_argument("--jsonl", metavar="FILE", help='play lines {"id", "turns": [...]} and print the replies')
    screen = commands.add_parser("screen", help="show what the risk screen says of texts")
    screen.add_argument("--jsonl", metavar="FILE", required=True, help='lines {"id", "text"}; - is standard input')
    commands.add_parser("build", help="fit the risk screen where it is stale (set-up calls it)")
    commands.add_parser("train-dialogue", help="train the dialogue model where it is stale (set-up calls it)")
    commands.add_parser("risk-review", help="print what counselors marked as judged too high, too low or wrong")
    commands.add_parser("export-reviews", help="move unanswered questions to the review file")
    code = commands.add_parser("counselor-code", help="make a one-time code with which a counselor registers")
    code.add_argument("name", help="the name residents will read")
    code.add_argument("--supervisor", action="store_true", help="is called when nobody else answers")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    options = make_parser().parse_args(arguments)
    try:
        from bot import bootstrap

        settings = bootstrap.settings_from_environment()
        if options.command == "screen":
            return _screen(settings, options.jsonl)
        if options.command in {"build", "train-dialogue"}:
            return _build(settings, options.command)
        if options.command in {"risk-review", "export-reviews", "counselor-code"}:
            configure_logging(level="ERROR", json=False)
            return bootstrap.run_until_stopped(lambda: _ask_store(settings, options))
        if options.command == "run" and settings.telegram_token is not None:
            configure_logging(level=settings.log_level, json=settings.log_json)
            return bootstrap.run_until_stopped(lambda: bootstrap.run_telegram(settings))
        configure_logging(level="ERROR", json=False)
        file = getattr(options, "jsonl", None)
        return bootstrap.run_until_stopped(lambda: _play(settings, file) if file else _talk(settings))
    except ConfigError as exc:
        sys.stderr.write(f"\n{exc}\n")
        return 2
    except BotError as exc:
        sys.stderr.write(f"\nPendamping stopped: {exc}\n")
        return 1


def _build(settings: Settings, command: str) -> int:
    from bot.build import build_dialogue, build_screen
    from knowledge.errors import KnowledgeError

    def say(text: str) -> None:
        print(f"[bot] {text}", flush=True)

    try:
        if command == "build":
            build_screen(settings.data_dir, say)
        else:
            build_dialogue(say)
    except KnowledgeError as exc:
        raise ConfigError(str(exc)) from exc
    return 0


def _screen(settings: Settings, path: str) -> int:
    from bot.care import make_screen
    from bot.terminal.screen import screen_file

    configure_logging(level="ERROR", json=False)
    return screen_file(path, make_screen(settings.data_dir))


async def _ask_store(settings: Settings, options: argparse.Namespace) -> int:
    from bot.bootstrap import open_configured_database, utc_now
    from bot.services import review_export, risk_review, roster
    from bot.terminal.lines import write_line

    database = await open_configured_database(settings)
    try:
        if options.command == "risk-review":
            async with database.read() as db:
                for item in await risk_review.list_marked(db):
                    write_line(item)
        elif options.command == "export-reviews":
            path = settings.data_dir / "review" / "questions.jsonl"
            print(f"{await review_export.export_reviews(database, path)} questions moved to {path}")
        else:
            async with database.write() as db:
                code = await roster.create_code(db, options.name, utc_now(), is_supervisor=options.supervisor)
            print(code)
    finally:
        await database.close()
    return 0


async def _play(settings: Settings, path: str) -> int:
    from bot.bootstrap import open_terminal
    from bot.terminal.batch import play_file
    from bot.terminal.window import TerminalBotApi

    async with open_terminal(settings, TerminalBotApi()) as terminal:
        await terminal.ready.wait()
        return await play_file(path, terminal.database, terminal.api, terminal.window)


async def _talk(settings: Settings) -> int:
    from bot.bootstrap import open_terminal
    from bot.terminal.chat import Screenplay, talk
    from bot.terminal.window import TerminalBotApi

    play = Screenplay(lambda line: print(line, flush=True))
    async with open_terminal(settings, TerminalBotApi(play.show)) as terminal:
        starting = asyncio.create_task(terminal.ready.wait())
        await talk(terminal.window, play)
        starting.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
