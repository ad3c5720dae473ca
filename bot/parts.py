"""Makes the dialogue client and names the dialogue servers; `bot/care.py` loads what sees risk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.dialogue import RasaDialogue
from bot.dialogue.server import health_url, rasa_command, rasa_environment
from bot.ports import CrisisWords, DialogueModel, Language, Screen
from bot.settings import Settings
from bot.supervisor import Child

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Care:
    """What a turn needs to see and answer risk; needs neither network nor dialogue model."""

    screen: Screen
    words: CrisisWords
    detect_language: Callable[[str], Language | None] = field(default=lambda _text: None)


def make_dialogue(rasa_url: str) -> DialogueModel:
    """Return the client of the dialogue model."""
    return RasaDialogue(rasa_url)


def rasa_url(settings: Settings) -> str:
    return settings.rasa_url or f"http://127.0.0.1:{settings.rasa_port}"


def dialogue_children(settings: Settings) -> list[Child]:
    """Return the servers that must run here: those without an address of their own in the settings."""
    logs = settings.data_dir / "logs"
    children = []
    if settings.actions_url is None:
        children.append(
            Child(
                name="actions",
                command=[sys.executable, "-m", "actions", "--port", str(settings.actions_port)],
                health_url=f"http://127.0.0.1:{settings.actions_port}/health",
                log_path=logs / "actions.log",
            )
        )
    if settings.rasa_url is None:
        children.append(
            Child(
                name="rasa",
                command=rasa_command(root=ROOT, port=settings.rasa_port),
                health_url=health_url(settings.rasa_port),
                log_path=logs / "rasa.log",
                environment=rasa_environment(actions_url=actions_url(settings)),
            )
        )
    return children


def actions_url(settings: Settings) -> str:
    return settings.actions_url or f"http://127.0.0.1:{settings.actions_port}"
