"""What a turn works with: the person, the moment, and a voice that stores what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.ports import Button, CrisisWords, Escalations, Incoming, Lane, Language, Role, Screen
from bot.services.outgoing import Rows, say
from bot.services.texts import Texts
from bot.store.models import Person
from bot.store.utterances import add_utterance

DIALOGUE_REPLIES = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """What every use case needs, put together once by `bot/bootstrap.py`.

    Attributes:
        detect_language: Returns the language of an utterance where it is sure, else None.
        staff_chat_id: The counselors' chat from the settings; None where there is none.
        safety_answer_s: Seconds without an answer to the safety question until a counselor is called.
    """

    texts: Texts
    words: CrisisWords
    screen: Screen
    escalations: Escalations
    detect_language: Callable[[str], Language | None] = field(default=lambda _text: None)
    staff_chat_id: int | None = None
    safety_answer_s: float = 600.0
    retention_days: int = 180


@dataclass(slots=True)
class Turn:
    """One update of one person, inside one transaction."""

    db: AsyncSession
    desk: Desk
    update: Incoming
    person: Person
    now: datetime
    language: Language
    #: Replies so far; their keys in the outbox go by it. The dialogue stage counts from `DIALOGUE_REPLIES`, since
    #: reception may have said something to the same update before.
    said: int = 0

    @property
    def role(self) -> Role | None:
        return Role(self.person.role) if self.person.role else None

    @property
    def conversation_id(self) -> str:
        return str(self.person.id)

    def text(self, key: str, **values: object) -> str:
        """Return one of Pendamping's sentences in the person's language."""
        return self.desk.texts.say(key, self.language, **values)

    def button(self, key: str, data: str) -> Button:
        return Button(self.text(f"button_{key}"), data)

    async def say(
        self, text: str, *, buttons: Rows = (), lane: Lane = Lane.ORDINARY, passage_id: str | None = None
    ) -> None:
        """Queue a reply, and keep it with the conversation once the person agreed to that."""
        parts = await say(
            self.db,
            chat_id=self.update.chat_id,
            text=text,
            key=f"u{self.update.update_id}:{self.said}",
            now=self.now,
            buttons=buttons,
            lane=lane,
        )
        self.said += 1
        # What is said in a crisis belongs to the case, whether or not the person has agreed to more.
        if parts and (self.person.consent_at is not None or lane is Lane.PRIORITY):
            await add_utterance(self.db, self.person.id, text, self.now, direction="out", passage_id=passage_id)

    def counselor_button(self) -> Button:
        return self.button("counselor", "k:counselor")


def language_of(person: Person, guess: Language | None = None) -> Language:
    """Return the language to answer in: the chosen one, else the utterance's own where it is sure."""
    if guess is not None and not person.language_chosen:
        return guess
    return Language(person.language)
