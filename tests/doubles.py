"""Small stand-ins with the shape of the real things, for tests of everything around them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.errors import UnreachableError
from bot.parts import Care
from bot.ports import Assessment, Button, DialogueContext, Language, Reply, Role


@dataclass(frozen=True)
class FakeEvidence:
    words: str
    source: str = "fake"


@dataclass(frozen=True)
class FakeAssessment:
    level: int = 0
    categories: tuple[str, ...] = ()
    ask: bool = False
    evidence: tuple[FakeEvidence, ...] = ()
    rung: str | None = None


class FakeScreen:
    """`L3`, `L2`, `L1` in a text give that level, `ASK` the question (`ASK-overdose` about that), `BREAK` an error."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def screen(self, text: str, *, history: Sequence[str] = (), role: str | None = None) -> FakeAssessment:
        self.seen.append((text, tuple(history)))
        if "BREAK" in text:
            raise RuntimeError("broken screen")
        found = re.search(r"\bL([123])\b", text)
        level = int(found.group(1)) if found else 0
        about = re.search(r"\bASK-(\w+)", text)
        categories = (about.group(1),) if about else ("suicide",) if level >= 2 else ("distress",) if level else ()
        evidence = (FakeEvidence(found.group(0)),) if found else ()
        return FakeAssessment(level, categories, "ASK" in text, evidence)


class FakeWords:
    """Crisis words that a test recognises."""

    def crisis_reply(self, assessment: Assessment, language: Language, role: Role | None) -> str:
        return f"CRISIS {assessment.level} {language.value}"

    def safety_question(self, categories: Sequence[str], language: Language, role: Role | None) -> str:
        return f"SAFETY QUESTION {language.value}"

    def support_reply(self, categories: Sequence[str], language: Language, role: Role | None) -> str | None:
        return f"SUPPORT {language.value}"

    def grounding_exercise(self, language: Language) -> str:
        return f"GROUNDING {language.value}"

    def emergency_numbers(self, language: Language) -> str:
        return f"NUMBERS 112 119 {language.value}"


class FakeDialogue:
    """Echoes. `PASSAGE` answers with one, `FALLBACK` has none, `SILENT` says nothing; `down` makes it unreachable."""

    def __init__(self) -> None:
        self.down = False
        self.broken = False
        self.delay_s = 0.0
        self.heard: list[tuple[str, str, DialogueContext]] = []
        self.chosen: list[str] = []
        self.forgotten: list[str] = []

    async def respond(self, *, sender_id: str, utterance: str, context: DialogueContext) -> list[Reply]:
        await self._maybe_fail()
        self.heard.append((sender_id, utterance, context))
        if "SILENT" in utterance:
            return []
        if "FALLBACK" in utterance:
            return [Reply("FALLBACK ANSWER", response="utter_fallback", unanswered=True)]
        if "PASSAGE" in utterance:
            related = [Button("Related topic", "d:topic:recovery.craving")]
            return [Reply("PASSAGE ANSWER", related, passage_id="a.b.c", topic_id="a.b", response="action_answer")]
        return [Reply(f"echo: {utterance}", response="utter_echo")]

    async def choose(self, *, sender_id: str, data: str, context: DialogueContext) -> list[Reply]:
        await self._maybe_fail()
        self.chosen.append(data)
        return [Reply(f"chosen: {data}", response="utter_chosen")]

    async def forget(self, *, sender_id: str) -> None:
        await self._maybe_fail()
        self.forgotten.append(sender_id)

    async def _maybe_fail(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.down:
            raise UnreachableError("down")
        if self.broken:
            raise RuntimeError("broken")


@dataclass
class Clock:
    """A clock a test moves."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def fake_care() -> Care:
    return Care(FakeScreen(), FakeWords())
