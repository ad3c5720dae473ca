"""The curator's desk: shows groups of questions and takes decisions, by flags or by asking. See `review.py`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from knowledge.encoder.serving import Encoder
from knowledge.errors import ContentError
from knowledge.language import Normalizer
from knowledge.review import (
    CURATED_NAME,
    GAPS_NAME,
    RankTopics,
    ReviewGroup,
    attach,
    drop,
    find_group,
    group_questions,
    mark_gap,
    read_queue,
)
from knowledge.settings import KnowledgeSettings

_SHOWN = 6
_PROMPT = "[1-5] or topic id: attach   g: gap   d: drop   Enter: later   q: quit > "

Reading = tuple[Encoder, Normalizer, RankTopics]
Say = Callable[[str], None]
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a script decided: (group, topic) to attach, groups that are gaps, groups to drop."""

    attach: Sequence[tuple[str, str]] = ()
    gap: Sequence[str] = ()
    drop: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.attach or self.gap or self.drop)


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a review needs.

    Attributes:
        topics: Topic id -> title.
    """

    settings: KnowledgeSettings
    topics: Mapping[str, str]
    today: dt.date
    say: Say

    def show(self, group: ReviewGroup) -> None:
        """Print one group with its nearest topics."""
        reasons = sorted({question.reason for question in group.questions})
        self.say(f"\n{group.id}  asked {group.count} times ({', '.join(reasons)})")
        for question in group.questions[:_SHOWN]:
            self.say(f"    {question.shown}")
        if len(group.questions) > _SHOWN:
            self.say(f"    ... and {len(group.questions) - _SHOWN} more")
        for number, topic in enumerate(group.nearest, start=1):
            self.say(f"  {number}. {topic}  {self.topics.get(topic, '')}")

    def attach(self, group: ReviewGroup, topic: str) -> None:
        """Attach a group and say so."""
        added = attach(self.settings, group, topic, topics=self.topics)
        self.say(f"{group.id}: {added} questions added to {topic} in questions/train/{CURATED_NAME}")

    def mark_gap(self, group: ReviewGroup) -> None:
        """Mark a group as a gap and say so."""
        mark_gap(self.settings, group, today=self.today)
        self.say(f"{group.id}: noted in {self.settings.review_dir.name}/{GAPS_NAME}: a passage or a topic is missing")

    def drop(self, group: ReviewGroup) -> None:
        """Drop a group and say so."""
        drop(self.settings, group)
        self.say(f"{group.id}: dropped")

    def carry_out(self, groups: Sequence[ReviewGroup], decisions: Decisions) -> None:
        """Carry out a script's decisions. Raises ContentError, before any is carried out, where one names nothing."""
        attached = [(find_group(groups, group), topic) for group, topic in decisions.attach]
        gaps = [find_group(groups, group) for group in decisions.gap]
        dropped = [find_group(groups, group) for group in decisions.drop]
        unknown = sorted({topic for _, topic in attached} - set(self.topics))
        if unknown:
            raise ContentError(f"'{unknown[0]}' is no topic of topics.yaml: use one that stands there, or mark a gap")
        every = [group.id for group in (*(group for group, _ in attached), *gaps, *dropped)]
        twice = [group for group in every if every.count(group) > 1]
        if twice:
            raise ContentError(f"the group '{twice[0]}' is decided twice: decide once")
        for group, topic in attached:
            self.attach(group, topic)
        for group in gaps:
            self.mark_gap(group)
        for group in dropped:
            self.drop(group)

    def go_through(self, groups: Sequence[ReviewGroup], ask: Ask) -> None:
        """Show each group and ask what to do with it, until the last one, q, or the end of input."""
        for position, group in enumerate(groups, start=1):
            self.show(group)
            while True:
                try:
                    choice = ask(f"({position}/{len(groups)}) {_PROMPT}").strip()
                except (EOFError, KeyboardInterrupt):
                    return
                if choice == "q":
                    return
                if self._decide(group, choice):
                    break

    def _decide(self, group: ReviewGroup, choice: str) -> bool:
        """Carry out one choice; returns whether the group is done with."""
        if choice == "g":
            self.mark_gap(group)
        elif choice == "d":
            self.drop(group)
        elif choice.isdecimal() and 1 <= int(choice) <= len(group.nearest):
            self.attach(group, group.nearest[int(choice) - 1])
        elif choice in self.topics:
            self.attach(group, choice)
        elif choice:
            alike = [topic for topic in self.topics if choice in topic][:_SHOWN]
            self.say(f"'{choice}' is no choice" + (f"; topics: {', '.join(alike)}" if alike else ""))
            return False
        return True


def review(desk: Desk, load: Callable[[], Reading], decisions: Decisions, ask: Ask | None) -> None:
    """Group what waits, then carry out decisions; without any, ask; without anybody to ask, only show.

    Args:
        load: Returns encoder, normaliser and ranking; called only when something waits.
        ask: None where nobody sits at the keyboard.
    """
    waiting = read_queue(desk.settings)
    if not waiting:
        desk.say("nothing waits for review (`python -m bot export-reviews` moves new questions here)")
        if not decisions:
            return
    groups = group_questions(waiting, *load()) if waiting else []
    if decisions:
        desk.carry_out(groups, decisions)
    elif ask is not None:
        desk.go_through(groups, ask)
    else:
        for group in groups:
            desk.show(group)
        desk.say(
            f"\n{len(waiting)} questions in {len(groups)} groups; --attach GROUP TOPIC, --gap GROUP or --drop GROUP"
        )
