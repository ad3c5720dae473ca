"""The edge to Rasa: `client.py` talks to it, `server.py` trains it and knows how to run it."""

from bot.dialogue.client import RasaDialogue

__all__ = ["RasaDialogue"]
