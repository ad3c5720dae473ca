"""Builds the actions and serves them with rasa-sdk on loopback."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import MutableMapping
from functools import partial
from typing import Any

import structlog
from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor
from sanic import Sanic
from sanic.worker.loader import AppLoader

from actions.answering import ActionAnswerQuestion, Answerer
from actions.base import CareAction
from actions.exercise import ActionBeginExercise, ActionFinishExercise, ActionStop, ValidateExercise
from actions.support import ActionCelebrate, ActionEmergencyNumbers, ActionSupport
from actions.wording import Wording
from knowledge.contact import ContactBook

#: Keys that may reach a log line: never an utterance, a slot or a name.
LOGGED_KEYS = frozenset({"event", "level", "timestamp", "action", "error", "port"})


def all_actions(answerer: Answerer, contacts: ContactBook, wording: Wording) -> list[CareAction]:
    """Return one instance of every action that domain.yml names."""
    return [
        ActionAnswerQuestion(answerer),
        ActionSupport(answerer, wording),
        ActionCelebrate(answerer, wording),
        ActionEmergencyNumbers(contacts),
        ActionBeginExercise(wording),
        ActionFinishExercise(wording),
        ActionStop(wording),
        *(ValidateExercise(form, wording) for form in wording.forms),
    ]


class DomainlessExecutor(ActionExecutor):  # type: ignore[misc]  # rasa_sdk is untyped
    """Runs actions without Rasa's domain.

    rasa-sdk 3.21 answers 449 to a call that leaves the domain out and expects Rasa to ask again; Rasa 3.6 knows
    nothing of that. No action here reads the domain, and sending it would double the work of every turn.
    """

    def update_and_return_domain(self, payload: dict[str, Any], action_name: str) -> dict[str, Any]:
        return {}


def make_app(actions: list[CareAction]) -> Sanic[Any, Any]:
    """Return rasa-sdk's web application with these actions."""
    executor = DomainlessExecutor()
    for action in actions:
        executor.register_action(action)
    app: Sanic[Any, Any] = create_app(executor, cors_origins=[])
    return app


def serve(actions: list[CareAction], *, port: int) -> None:
    """Serve until stopped. One process: the encoder is in memory once."""
    loader = AppLoader(factory=partial(make_app, actions))
    app = loader.load()
    app.prepare(host="127.0.0.1", port=port, single_process=True, access_log=False, motd=False)
    Sanic.serve_single(app)


def configure_logging() -> None:
    """Log JSON lines with known keys only, warnings of libraries as their name and level."""
    # rasa-sdk 3.21 serves Rasa 3.6.21 (an integration test runs the two) and says with every call that it may not.
    warnings.filterwarnings("ignore", message="Your versions of rasa and")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s", force=True)

    def known_keys(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in event.items() if key in LOGGED_KEYS}

    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            known_keys,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
