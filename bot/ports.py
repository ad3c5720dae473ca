"""What services need from the edges, as Protocols; edges implement them, `bot/bootstrap.py` joins them.

Values that cross a room's border live here too, so that no edge imports another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # names for the type checker alone: at run time this module needs the standard library only
    from sqlalchemy.ext.asyncio import AsyncSession

    from bot.store.models import Person


class Role(StrEnum):
    """Who writes: someone in or after treatment, or a relative."""

    RESIDENT = "resident"
    FAMILY = "family"


class Language(StrEnum):
    """Language of everything the bot says to one person."""

    INDONESIAN = "id"
    ENGLISH = "en"


class Lane(StrEnum):
    """Delivery priority in the outbox: crisis replies and pages overtake everything else."""

    PRIORITY = "priority"
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Button:
    """One tappable choice. `data` is at most 64 bytes (Telegram's callback_data limit) and ours, never Rasa's."""

    title: str
    data: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One thing the bot says.

    Attributes:
        text: Plain text, any length; the edge splits it at sentence ends.
        buttons: Shown under the text, one a row.
        passage_id: The passage this came from, if any (for "did this help?" and the turn's log line).
        topic_id: Topic of that passage; remembered as the conversation's last topic.
        response: Name of the response or action that made it (`utter_greet`, `action_answer_question`).
        unanswered: The knowledge base had no passage for the question.
    """

    text: str
    buttons: Sequence[Button] = field(default=())
    passage_id: str | None = None
    topic_id: str | None = None
    response: str = ""
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class DialogueContext:
    """What the dialogue model learns about the person beside the words themselves.

    Attributes:
        role: None until the person chose one.
        last_topic_id: Topic of the last passage shown in this conversation.
        recent_utterances: The person's last utterances before this one, oldest first (at most 4): follow-up
            questions are resolved with them.
    """

    language: Language
    role: Role | None = None
    last_topic_id: str | None = None
    recent_utterances: Sequence[str] = ()


class DialogueModel(Protocol):
    """The dialogue model behind the gateway (Rasa over HTTP)."""

    async def respond(self, *, sender_id: str, utterance: str, context: DialogueContext) -> list[Reply]:
        """Return the replies to an utterance, in order. Raises TransportError when the model can't be reached."""
        ...

    async def choose(self, *, sender_id: str, data: str, context: DialogueContext) -> list[Reply]:
        """Return the replies to a tapped dialogue button (`Button.data` beginning with `d:`)."""
        ...

    async def forget(self, *, sender_id: str) -> None:
        """Delete what the model remembers of this conversation."""
        ...


# --- What comes in -------------------------------------------------------------------------------


class UpdateKind(StrEnum):
    """What happened in a chat."""

    UTTERANCE = "utterance"  # text, also as the caption of an attachment
    ATTACHMENT = "attachment"  # voice, photo, sticker …, with or without a caption in `text`
    EDIT = "edit"  # a text or caption was changed
    BUTTON = "button"
    MEMBERSHIP = "membership"  # the bot itself was blocked, unblocked, added or removed
    CHANNEL_POST = "channel_post"
    SERVICE = "service"  # group events: members, topics, a new group id
    OTHER = "other"


class ChatKind(StrEnum):
    PRIVATE = "private"
    GROUP = "group"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who did it, as Telegram names them. Never logged."""

    user_id: int
    name: str = ""
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Tap:
    """A tapped button: the query to answer and the utterance it stood under."""

    query_id: str
    data: str
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """One update, free of any edge's types.

    Attributes:
        text: Cleaned text or caption; "" where there is none.
        attachment: "voice", "photo", "sticker", "document", "location", "contact", "video" … or None.
        thread_id: Forum topic in a group with topics.
        reply_to_message_id: The message of the same chat that this one answers.
        member_status: For MEMBERSHIP: "kicked", "left", "member", "administrator" …
        service: For SERVICE: "members_joined", "member_left", "topic_created", "topic_closed", "topic_reopened",
            "topic_deleted", "migrated" (then `migrated_to` is the new id), "pinned", "other".
        members: For SERVICE about members: who joined or left.
        raw: The update as the edge received it (for relaying what has no field here).
    """

    update_id: int
    kind: UpdateKind
    chat_id: int
    chat_kind: ChatKind
    sender: Sender | None = None
    text: str = ""
    message_id: int | None = None
    attachment: str | None = None
    tap: Tap | None = None
    thread_id: int | None = None
    reply_to_message_id: int | None = None
    member_status: str | None = None
    service: str | None = None
    members: tuple[Sender, ...] = ()
    migrated_to: int | None = None
    chat_title: str = ""
    is_forum: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


# --- Risk ----------------------------------------------------------------------------------------


class EvidenceLike(Protocol):
    """Words that raised a risk, and what noticed them."""

    @property
    def words(self) -> str: ...
    @property
    def source(self) -> str: ...


class Assessment(Protocol):
    """What the screen says of an utterance (`bot.risk.RiskAssessment` has this shape).

    `level` is 0 none, 1 support, 2 urgent, 3 emergency; `ask` asks for the direct safety question.
    """

    @property
    def level(self) -> int: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def ask(self) -> bool: ...
    @property
    def evidence(self) -> Sequence[EvidenceLike]: ...
    @property
    def rung(self) -> str | None: ...


class Screen(Protocol):
    """The risk screen. Never raises; a few milliseconds; no input or output."""

    def screen(self, text: str, *, history: Sequence[str] = (), role: str | None = None) -> Assessment: ...


class CrisisWords(Protocol):
    """The reviewed words for people at risk; they work when everything else is down."""

    def crisis_reply(self, assessment: Assessment, language: Language, role: Role | None) -> str: ...
    def safety_question(self, categories: Sequence[str], language: Language, role: Role | None) -> str: ...
    def support_reply(self, categories: Sequence[str], language: Language, role: Role | None) -> str | None: ...
    def grounding_exercise(self, language: Language) -> str: ...
    def emergency_numbers(self, language: Language) -> str: ...


# --- Counselors ----------------------------------------------------------------------------------


class Escalations(Protocol):
    """Everything that reaches counselors (`bot/services/escalation.py`).

    Every method works inside the caller's transaction `db` and sends through the outbox only, so that a case and
    its pages are stored together or not at all. None of them opens a connection or waits for one.
    """

    async def raise_risk(
        self, db: AsyncSession, person: Person, assessment: Assessment, utterance_text: str, now: datetime
    ) -> None:
        """Open a case (or raise the open one) and page."""
        ...

    async def request_human(self, db: AsyncSession, person: Person, now: datetime) -> None:
        """Open a case because the person asked for a human, and tell the person what happens next."""
        ...

    async def open_handoff(self, db: AsyncSession, person: Person) -> bool:
        """Return True while a counselor talks with this person: the bot keeps quiet and relays."""
        ...

    async def relay_from_person(self, db: AsyncSession, person: Person, update: Incoming, now: datetime) -> None:
        """Pass on what the person sent (text, attachment, edit, unknown command, `h:` button)."""
        ...

    async def human_answers(
        self, db: AsyncSession, person: Person, assessment: Assessment, now: datetime
    ) -> bool:
        """Return True while a counselor is writing with this person about this very danger: the bot keeps quiet."""
        ...

    async def dealt_with_until(self, db: AsyncSession, person: Person) -> datetime | None:
        """Return until when a counselor has dealt with what the person wrote: it raises no later utterance."""
        ...

    async def is_staff_update(self, db: AsyncSession, update: Incoming) -> bool:
        """Return True for updates of the counselors' chat, and for a counselor's private registration command."""
        ...

    async def handle_staff_update(self, db: AsyncSession, update: Incoming, now: datetime) -> str | None:
        """Act on a counselor's words or button. Returns a short notice shown where the button was tapped."""
        ...

    async def person_blocked(self, db: AsyncSession, person: Person, now: datetime) -> None:
        """The person blocked the bot: mark open cases."""
        ...

    async def forget_person(self, db: AsyncSession, person: Person, now: datetime) -> bool:
        """Delete closed cases. Returns True where an open case must keep pseudonym and chat until it is closed."""
        ...

    async def stored_data(self, db: AsyncSession, person: Person) -> list[dict[str, Any]]:
        """Return what is stored about this person's cases, for /data."""
        ...

    async def delivered(
        self, db: AsyncSession, ref: str, message_id: int | None, result: Mapping[str, Any], now: datetime
    ) -> None:
        """An outbox row with this `ref` was delivered; `result` is the Bot API's answer (for example a new topic)."""
        ...

    async def undeliverable(self, db: AsyncSession, ref: str, code: str, now: datetime) -> None:
        """An outbox row with this `ref` can never be delivered (`blocked`, `refused`)."""
        ...

    async def tick(self, db: AsyncSession, now: datetime) -> None:
        """Page again, remind, check in: whatever is due. Called every second by one gateway at a time."""
        ...


# --- What goes out -------------------------------------------------------------------------------


class BotApi(Protocol):
    """Sends one Bot API call. The Telegram edge posts it; the terminal edge prints it."""

    async def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the call's result ({} where it is just True).

        Raises:
            TransportError: One of its subclasses, see `bot/errors.py`.
        """
        ...
