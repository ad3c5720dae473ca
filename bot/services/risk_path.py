"""The way of a message with risk in it: screen, crisis reply, safety question, escalation. Works without Rasa.

Nothing here lowers a level: an answer that is not understood leaves the question open, and an open question that
nobody answers calls a counselor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.ports import Assessment, Button, EvidenceLike, Lane, Language, Role, UpdateKind
from bot.services.cleaning import cut_middle, text_for_screen
from bot.services.outgoing import say
from bot.services.turn import Desk, Turn, language_of
from bot.store import kv
from bot.store.models import Person
from bot.store.people import chat_id_of
from bot.store.utterances import add_utterance, last_said

log = structlog.get_logger()

BODY = frozenset({"overdose", "withdrawal"})
"""Categories whose safety question asks for signs that life is at stake: a yes is an emergency."""

SUPPORT, URGENT, EMERGENCY = 1, 2, 3
"""Levels of `bot.risk.RiskLevel` (this room takes an assessment's shape, not its module). Source: risk taxonomy."""

HISTORY_LENGTH = 6
HISTORY_SPAN = timedelta(hours=12)
"""What the screen sees of the conversation: a plan is often spread over several short utterances."""

SAME_WORDS_SPAN = timedelta(minutes=10)

ASK_AGAIN_SPAN = timedelta(hours=24)
"""A second worrying utterance within this time is not asked about again, it is escalated."""

_MAYBE = frozenset({"mungkin", "kadang", "kadang2", "terkadang", "kayaknya", "maybe", "sometimes"})
_YES = _MAYBE | {"ya", "iya", "iyah", "iye", "yes", "yep", "yup", "yeah", "yoi", "y", "he'eh", "heeh", "betul", "benar"}
_NO = frozenset({"tidak", "tdk", "nggak", "enggak", "engga", "ngga", "gak", "ga", "gk", "kagak", "ndak", "no", "nope"})
_FILLER = frozenset({"kak", "min", "kok", "sih", "dong", "deh", "kan", "kayak", "i", "am", "not", "really", "juga"})
_JUST_ASKING = frozenset(
    re.findall(
        r"\S+",
        "cuma cuman hanya sekadar sekedar mau pengen ingin nanya tanya bertanya penasaran tau tahu info informasi aja saja "
        "doang soal saya aku gw gue gua sy itu ini untuk buat tugas kuliah sekolah belajar aman pak bu mbak mas makasih "
        "terima kasih just only asking wondering curious a question for my school homework thanks thank you i'm im",
    )
)
"""What may follow a plain no, beside a word of asking: "nggak kak, cuma mau nanya aja"."""
_ASKING = frozenset(
    {"nanya", "tanya", "bertanya", "penasaran", "tugas", "asking", "wondering", "curious", "question", "homework"}
)
"""Not "cuma" or "tau": "nggak cuma itu" and "nggak tau" are no plain no."""


class Reaction(StrEnum):
    """What was done about an utterance.

    NONE: nothing, another answer must follow. ANSWERED: no other must follow.
    ASKED: the safety question was put; the utterance is answered once the person has said no to it.
    REASSURED: the person said no to it.
    """

    NONE = "none"
    ANSWERED = "answered"
    ASKED = "asked"
    REASSURED = "reassured"


@dataclass(frozen=True, slots=True)
class Words:
    """Evidence made here."""

    words: str
    source: str


@dataclass(frozen=True, slots=True)
class Raised:
    """An assessment made here: by an answer, by silence, or because the screen could not be asked."""

    level: int
    categories: tuple[str, ...]
    evidence: Sequence[EvidenceLike]
    ask: bool = False
    rung: str | None = None


def raised_by_answer(source: str, words: str, categories: Sequence[str]) -> Raised:
    """Return the assessment of a safety question answered with yes or not answered, or of a second worry.

    Args:
        categories: Of the utterance that raised the question.
    """
    about = tuple(categories) or ("suicide",)
    level = EMERGENCY if source == "safety_answer" and about[0] in BODY else URGENT
    return Raised(level, about, (Words(words, source),))


async def asked_about(db: AsyncSession, person: Person) -> tuple[str, ...]:
    """Return the categories of the utterance that raised the safety question; it was stored in the same moment."""
    if person.safety_asked_at is None:
        return ()
    said = await last_said(db, person.id, limit=50, direction="in", since=person.safety_asked_at)
    return said[0].categories if said else ()


def read_answer(text: str) -> bool | None:
    """Return True for a typed yes (a "maybe" counts), False for a plain no, None for anything else."""
    words = [_squeeze(word) for word in re.findall(r"[\w']+", text.lower())]
    known = {kind: {_squeeze(word) for word in kind} for kind in (_YES, _NO, _FILLER, _MAYBE, _JUST_ASKING, _ASKING)}
    if words and words[0] in known[_NO] and len(words) <= 12 and known[_ASKING].intersection(words):
        rest = [word for word in words if word not in known[_NO] | known[_FILLER] | known[_JUST_ASKING]]
        return None if rest else False
    if not words or len(words) > 5:
        return None
    if any(word not in known[_YES] | known[_NO] | known[_FILLER] for word in words):
        return None
    yes, no = (any(word in known[kind] for word in words) for kind in (_YES, _NO))
    # "nggak ya", "ya nggak": the no is meant. "iya" or "mungkin" alone: yes. Neither: not an answer.
    if no:
        return None if any(word in known[_MAYBE] for word in words) else False
    return True if yes else None


def _squeeze(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


async def screen_utterance(
    turn: Turn, text: str, *, keep: bool, earlier: Sequence[str] = ()
) -> tuple[Assessment, int | None]:
    """Screen a text with the conversation's last utterances.

    Args:
        keep: Store it even if there is no risk in it (the person agreed to that).
        earlier: What the person wrote before and what is not stored with the conversation.

    Returns:
        The assessment, and the stored utterance's id.
    """
    person = turn.person
    since = turn.now - HISTORY_SPAN
    dealt_with = await turn.desk.escalations.dealt_with_until(turn.db, person)
    if dealt_with is not None:
        since = max(since, dealt_with)  # a "thank you" after the counselor's goodbye is no new alarm
    history = await last_said(turn.db, person.id, limit=HISTORY_LENGTH, direction="in", since=since)
    try:
        assessment = turn.desk.screen.screen(
            text_for_screen(text),
            history=[*(said.text for said in history), *earlier][-HISTORY_LENGTH:],
            role=person.role,
        )
    except Exception:  # the screen promises not to raise; if it does all the same, a human is called
        log.exception("screen.failed", conversation_id=turn.conversation_id)
        assessment = Raised(URGENT, ("distress",), (Words("", "screen_failed"),))
    if not (keep or assessment.level >= SUPPORT or assessment.ask):
        return assessment, None
    row = await add_utterance(
        turn.db,
        person.id,
        text,
        turn.now,
        level=int(assessment.level),
        categories=assessment.categories,
        message_id=turn.update.message_id,
    )
    return assessment, row.id


async def escalate(turn: Turn, assessment: Assessment, text: str) -> None:
    """Say the crisis reply and call the counselors, in one transaction.

    The very same words are not said again within ten minutes while humans do the talking: the screen reads the
    conversation, so in a crisis nearly every utterance is risky, and a person in danger must not read a wall of copies.
    Nor does the bot talk into a counselor's conversation about this very danger. The counselors are told either way.
    """
    turn.person.safety_open = False
    words = turn.desk.words.crisis_reply(assessment, turn.language, turn.role)
    buttons = [turn.counselor_button(), turn.button("grounding", "k:grounding")]
    quiet = await turn.desk.escalations.human_answers(turn.db, turn.person, assessment, turn.now)
    if turn.update.kind is UpdateKind.BUTTON or not (quiet or await _said_lately(turn, words)):
        await turn.say(words, buttons=buttons, lane=Lane.PRIORITY)
    await call_counselors(turn.db, turn.desk, turn.person, assessment, text, turn.now)
    log.info(
        "risk.raised",
        conversation_id=turn.conversation_id,
        risk_level=int(assessment.level),
        categories=list(assessment.categories),
    )


async def _said_lately(turn: Turn, words: str) -> bool:
    if not await turn.desk.escalations.open_handoff(turn.db, turn.person):
        return False
    since = turn.now - SAME_WORDS_SPAN
    said = await last_said(turn.db, turn.person.id, limit=20, direction="out", since=since)
    return any(item.text == words for item in said)


async def call_counselors(
    db: AsyncSession, desk: Desk, person: Person, assessment: Assessment, text: str, now: datetime
) -> None:
    """Open a case and page. If that breaks, a bare page goes out all the same, and the crisis reply stands."""
    try:
        async with db.begin_nested():
            await desk.escalations.raise_risk(db, person, assessment, text, now)
    except Exception:  # whatever is wrong with the case, somebody must be called
        log.exception("escalation.failed", conversation_id=str(person.id), risk_level=int(assessment.level))
        staff_chat = await kv.staff_chat_id(db, desk.staff_chat_id)
        if staff_chat is None:
            return
        page = desk.texts.say(
            "page_bare",
            Language.INDONESIAN,
            level=int(assessment.level),
            pseudonym=person.pseudonym,
            utterance=cut_middle(text, 1500),
        )
        key = f"bare:{person.id}:{int(now.timestamp() * 1000)}"
        await say(db, chat_id=staff_chat, text=page, key=key, now=now, lane=Lane.PRIORITY)


async def handle_risk(turn: Turn, assessment: Assessment, text: str) -> Reaction:
    """Act on an assessment."""
    person = turn.person
    if assessment.level >= URGENT:
        await escalate(turn, assessment, text)
        return Reaction.ANSWERED
    asked_at = person.safety_asked_at
    recently = asked_at is not None and turn.now - asked_at <= ASK_AGAIN_SPAN
    if person.safety_open and recently:
        answer = read_answer(text)
        if answer is True:
            await escalate(turn, raised_by_answer("safety_answer", text, await asked_about(turn.db, person)), text)
            return Reaction.ANSWERED
        if answer is False:
            await say_safety_no(turn)
            return Reaction.REASSURED
    if not assessment.ask:
        return Reaction.NONE
    if recently:
        await escalate(turn, raised_by_answer("second_worry", text, assessment.categories), text)
        return Reaction.ANSWERED
    await ask_safety_question(turn, assessment)
    return Reaction.ASKED


async def ask_safety_question(turn: Turn, assessment: Assessment) -> None:
    """Ask the one direct, kind question; silence is watched by `escalate_silence`."""
    turn.person.safety_asked_at = turn.now
    turn.person.safety_open = True
    buttons: list[Button | list[Button]] = [
        [turn.button("yes", "s:yes"), turn.button("no", "s:no")],
        turn.button("counselor", "s:counselor"),
    ]
    words = turn.desk.words.safety_question(assessment.categories, turn.language, turn.role)
    await turn.say(words, buttons=buttons, lane=Lane.PRIORITY)


async def say_safety_no(turn: Turn) -> None:
    turn.person.safety_open = False
    await turn.say(turn.text("safety_no"), buttons=[turn.counselor_button()])


async def handle_safety_tap(turn: Turn, answer: str) -> bool:
    """Act on a tapped answer. Returns False for one that does not exist."""
    if answer == "yes":
        yes = turn.text("button_yes")
        await escalate(turn, raised_by_answer("safety_answer", yes, await asked_about(turn.db, turn.person)), yes)
    elif answer == "no":
        await say_safety_no(turn)
    elif answer == "counselor":
        turn.person.safety_open = False
        await turn.desk.escalations.request_human(turn.db, turn.person, turn.now)
    else:
        return False
    return True


async def escalate_silence(db: AsyncSession, desk: Desk, now: datetime) -> int:
    """Call counselors for people who did not answer the safety question in time. Returns how many."""
    due = now - timedelta(seconds=desk.safety_answer_s)
    statement = select(Person).where(Person.safety_open.is_(True), Person.safety_asked_at <= due).limit(50)
    people = list((await db.execute(statement)).scalars())
    for person in people:
        person.safety_open = False
        language = language_of(person)
        said = await last_said(db, person.id, limit=1, direction="in")
        words = said[-1].text if said else ""
        assessment = raised_by_answer("no_answer", words, await asked_about(db, person))
        await _say_after_silence(db, desk, person, assessment, language, now)
        await call_counselors(db, desk, person, assessment, words, now)
        log.info("risk.raised_by_silence", conversation_id=str(person.id), risk_level=URGENT)
    return len(people)


async def _say_after_silence(
    db: AsyncSession, desk: Desk, person: Person, assessment: Assessment, language: Language, now: datetime
) -> None:
    role = Role(person.role) if person.role else None
    asked = int(person.safety_asked_at.timestamp()) if person.safety_asked_at else 0
    await say(
        db,
        chat_id=chat_id_of(db, person),
        text=desk.words.crisis_reply(assessment, language, role),
        key=f"silence:{person.id}:{asked}",
        now=now,
        buttons=[
            Button(desk.texts.say("button_counselor", language), "k:counselor"),
            Button(desk.texts.say("button_grounding", language), "k:grounding"),
        ],
        lane=Lane.PRIORITY,
    )
