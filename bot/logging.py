"""Structured logs that cannot hold what a person said: an allow-list drops every key it does not know.

`configure_logging` is called once by an entry point. Elsewhere: `structlog.get_logger()` and a fixed `noun.verb` event.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, WrappedLogger

ALLOWED_KEYS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "exception",
        "error",
        "code",
        "reason",
        "conversation_id",
        "case_id",
        "update_id",
        "outbox_id",
        "utterance_id",
        "kind",
        "lane",
        "method",
        "state",
        "attempts",
        "delay_s",
        "duration_ms",
        "count",
        "pending",
        "dead",
        "sent",
        "worker_id",
        "owner",
        "risk_level",
        "categories",
        "ask",
        "rung",
        "intent",
        "confidence",
        "response",
        "passage_ids",
        "topic_id",
        "reply_count",
        "language",
        "role",
        "handoff",
        "process",
        "pid",
        "port",
        "status",
        "returncode",
        "setting",
        "path",
        "database",
        "revision",
        "version",
        "address",
        "rows",
        "feature",
        "shift",
        "waiting_s",
        "due_at",
        "step",
        "name_of_lease",
    }
)
"""Keys that may reach a log line. Never add utterances, replies, slots, names, usernames, phones, chat_id or tokens."""

_QUIET = ("httpx", "httpcore", "telegram", "aiosqlite", "asyncio", "sqlalchemy", "tornado.access", "alembic")


def _drop_unknown_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def _name_error_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace exc_info by the frames and the error's class: an error's own text may quote what a person wrote."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is not None:
        event["error"] = type(error).__name__
        frames: list[str] = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rsplit('/site-packages/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["exception"] = frames[-12:]
    return event


class _ForeignFilter(logging.Filter):
    """Keep only a foreign record's logger and level: PTB, httpx and SQLAlchemy put utterances and tokens into texts."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("bot"):
            record.msg, record.args, record.exc_info, record.exc_text = "library.logged", (), None, None
        return True


def configure_logging(*, level: str = "INFO", json: bool = True, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's records through the same allow-list.

    Args:
        stream: Default standard error, so that batch commands keep standard output for their results.
    """
    out = stream if stream is not None else sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_error_only,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, _drop_unknown_keys, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(_ForeignFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _drop_unknown_keys, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
