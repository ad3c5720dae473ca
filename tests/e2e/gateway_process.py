"""A whole gateway process with a light screen and dialogue model, for tests that kill it. Settings by environment."""

from __future__ import annotations

import asyncio
import random
import sys

from bot.bootstrap import run_telegram, run_until_stopped
from bot.logging import configure_logging
from bot.ports import DialogueContext, Reply
from bot.settings import load_settings
from tests.doubles import FakeDialogue, fake_care


class SlowDialogue(FakeDialogue):
    """Takes a few milliseconds, as a real one does."""

    async def respond(self, *, sender_id: str, utterance: str, context: DialogueContext) -> list[Reply]:
        await asyncio.sleep(random.uniform(0.0, 0.03))
        return await super().respond(sender_id=sender_id, utterance=utterance, context=context)


def main() -> int:
    settings = load_settings(None)
    configure_logging(level=settings.log_level)
    return run_until_stopped(lambda: run_telegram(settings, care=fake_care(), model=SlowDialogue(), children=[]))


if __name__ == "__main__":
    sys.exit(main())
