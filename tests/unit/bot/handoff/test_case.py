"""The life of a case, step by step and under random steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.handoff import case, paging
from bot.handoff.case import CaseFacts, CaseKind, CaseState, Outcome
from bot.handoff.errors import IllegalStepError
from bot.handoff.paging import Deadlines

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
DEADLINES = Deadlines()
MINUTE = timedelta(minutes=1)


def opened(level: int = 2, kind: CaseKind = CaseKind.RISK) -> CaseFacts:
    return case.open_case(kind=kind, level=level, categories=("suicide",), now=NOW, deadlines=DEADLINES)


def taken(level: int = 2) -> CaseFacts:
    return case.take_case(opened(level), counselor_id=7, now=NOW + MINUTE)


@pytest.mark.parametrize(("level", "minutes"), [(3, 5), (2, 15), (1, 60), (0, 60)])
def test_deadline_follows_the_level(level: int, minutes: int) -> None:
    assert opened(level).due_at == NOW + minutes * MINUTE


def test_new_case_has_been_paged_once() -> None:
    facts = opened()
    assert (facts.page_count, facts.paged_at) == (1, NOW)
    assert facts.next_page_at is not None and facts.next_page_at > NOW


def test_bot_holds_back_for_a_risk_and_not_for_a_request() -> None:
    assert opened(2).hold_until == NOW + case.HOLD
    assert opened(1, CaseKind.REQUEST).hold_until is None


def test_higher_risk_raises_level_pages_at_once_and_shortens_the_deadline() -> None:
    raised = case.raise_case(opened(2), level=3, categories=("overdose",), now=NOW + MINUTE, deadlines=DEADLINES)
    assert (raised.higher, raised.page_now, raised.facts.level) == (True, True, 3)
    assert raised.facts.due_at == NOW + 6 * MINUTE
    assert raised.facts.next_tell_at == NOW + 6 * MINUTE
    assert raised.facts.categories == ("suicide", "overdose")


def test_raising_never_moves_a_deadline_back() -> None:
    late = NOW + 14 * MINUTE
    raised = case.raise_case(opened(2), level=3, categories=(), now=late, deadlines=DEADLINES)
    assert raised.facts.due_at == NOW + 15 * MINUTE


def test_same_level_within_a_minute_is_merged_without_a_page() -> None:
    raised = case.raise_case(opened(2), level=2, categories=(), now=NOW + MINUTE / 2, deadlines=DEADLINES)
    assert (raised.higher, raised.page_now, raised.facts.page_count) == (False, False, 1)


def test_same_level_after_a_minute_pages_again() -> None:
    raised = case.raise_case(opened(2), level=2, categories=(), now=NOW + MINUTE, deadlines=DEADLINES)
    assert raised.page_now


def test_lower_risk_keeps_the_level() -> None:
    raised = case.raise_case(opened(3), level=2, categories=(), now=NOW + 2 * MINUTE, deadlines=DEADLINES)
    assert (raised.facts.level, raised.higher) == (3, False)


def test_request_merged_into_a_risk_pages_nobody_and_stays_a_risk() -> None:
    raised = case.raise_case(opened(2), level=1, categories=(), now=NOW + 5 * MINUTE, deadlines=DEADLINES, risk=False)
    assert (raised.facts.kind, raised.page_now) == (CaseKind.RISK, False)


def test_risk_merged_into_a_request_makes_it_a_risk() -> None:
    request = opened(1, CaseKind.REQUEST)
    raised = case.raise_case(request, level=2, categories=("relapse",), now=NOW + MINUTE, deadlines=DEADLINES)
    assert (raised.facts.kind, raised.page_now, raised.facts.hold_until) == (
        CaseKind.RISK,
        True,
        NOW + MINUTE + case.HOLD,
    )


def test_mild_risk_does_not_silence_the_bot() -> None:
    request = opened(1, CaseKind.REQUEST)
    raised = case.raise_case(request, level=1, categories=("distress",), now=NOW + MINUTE, deadlines=DEADLINES)
    assert raised.facts.hold_until is None


def test_risk_while_talking_is_merged_without_a_page() -> None:
    raised = case.raise_case(taken(2), level=3, categories=(), now=NOW + 2 * MINUTE, deadlines=DEADLINES)
    assert (raised.higher, raised.page_now, raised.facts.state) == (True, False, CaseState.ACKNOWLEDGED)


def test_taking_stops_pages_and_starts_the_wait_for_a_word() -> None:
    facts = taken()
    assert (facts.state, facts.next_page_at, facts.next_tell_at, facts.due_at) == (
        CaseState.ACKNOWLEDGED,
        None,
        None,
        None,
    )
    assert facts.awaiting_since == NOW + MINUTE
    assert facts.next_remind_at == NOW + 6 * MINUTE


def test_second_counselor_can_not_take_it_too() -> None:
    with pytest.raises(IllegalStepError):
        case.take_case(taken(), counselor_id=8, now=NOW)


def test_first_word_is_kept_and_ends_the_wait() -> None:
    first = case.counselor_spoke(taken(), NOW + 2 * MINUTE)
    second = case.counselor_spoke(first, NOW + 9 * MINUTE)
    assert (second.state, second.first_word_at, second.awaiting_since) == (CaseState.TALKING, NOW + 2 * MINUTE, None)


def test_persons_first_unanswered_word_starts_the_wait() -> None:
    talking = case.counselor_spoke(taken(), NOW + 2 * MINUTE)
    waiting = case.person_spoke(talking, NOW + 3 * MINUTE)
    again = case.person_spoke(waiting, NOW + 4 * MINUTE)
    assert again == waiting
    assert waiting.awaiting_since == NOW + 3 * MINUTE


def test_reminders_follow_every_five_minutes_then_the_case_goes_back() -> None:
    facts = taken()
    moments = []
    while not paging.must_release(facts.level, facts.remind_count):
        assert facts.next_remind_at is not None
        moments.append(facts.next_remind_at)
        facts = case.note_reminder(facts)
    assert moments == [NOW + minutes * MINUTE for minutes in (6, 11, 16)]
    back = case.release_case(facts, NOW + 20 * MINUTE, DEADLINES)
    assert (back.state, back.counselor_id, back.page_count) == (CaseState.OPEN, None, 1)
    assert back.asked_at == NOW
    assert back.acknowledged_at == NOW + MINUTE


def test_reminder_without_a_waiting_person_changes_nothing() -> None:
    talking = case.counselor_spoke(taken(), NOW)
    assert case.note_reminder(talking) == talking


def test_telling_the_person_is_counted_and_planned_again() -> None:
    told = case.note_tell(opened(), NOW + 15 * MINUTE)
    assert (told.tell_count, told.next_tell_at) == (1, NOW + 30 * MINUTE)


def test_request_is_never_taken_from_a_silent_counselor() -> None:
    assert not paging.must_release(1, 99)


def test_handing_over_owes_the_next_word() -> None:
    talking = case.counselor_spoke(taken(), NOW + 2 * MINUTE)
    handed = case.hand_over(talking, counselor_id=8, now=NOW + 3 * MINUTE)
    assert (handed.counselor_id, handed.state, handed.awaiting_since) == (8, CaseState.ACKNOWLEDGED, NOW + 3 * MINUTE)
    assert handed.first_word_at == NOW + 2 * MINUTE


def test_closed_case_asks_for_nothing_more() -> None:
    closed = case.close_case(taken(), outcome=Outcome.DONE, now=NOW + MINUTE)
    assert (closed.due_at, closed.next_page_at, closed.next_tell_at, closed.next_remind_at, closed.hold_until) == (
        None,
    ) * 5


@pytest.mark.parametrize(
    "step",
    [
        lambda f: case.close_case(f, outcome=Outcome.DONE, now=NOW),
        lambda f: case.counselor_spoke(f, NOW),
        lambda f: case.person_spoke(f, NOW),
        lambda f: case.note_page(f, NOW, DEADLINES),
        lambda f: case.note_tell(f, NOW),
        lambda f: case.raise_case(f, level=3, categories=(), now=NOW, deadlines=DEADLINES),
        lambda f: case.release_case(f, NOW, DEADLINES),
        lambda f: case.hand_over(f, counselor_id=1, now=NOW),
        lambda f: case.note_reminder(f),
    ],
)
def test_closed_case_refuses_every_step_but_reopening(step: object) -> None:
    closed = case.close_case(opened(), outcome=Outcome.DONE, now=NOW)
    with pytest.raises(IllegalStepError, match="the case is closed"):
        step(closed)  # type: ignore[operator]


def test_new_risk_within_twelve_hours_reopens() -> None:
    closed = case.close_case(taken(3), outcome=Outcome.DONE, now=NOW)
    assert case.may_reopen(closed, NOW + case.REOPEN_WITHIN)
    assert not case.may_reopen(closed, NOW + case.REOPEN_WITHIN + MINUTE)
    assert not case.may_reopen(opened(), NOW)


def test_reopened_case_starts_afresh_at_the_new_level() -> None:
    closed = case.close_case(case.counselor_spoke(taken(3), NOW), outcome=Outcome.DONE, now=NOW)
    facts = case.reopen_case(closed, level=2, categories=("relapse",), now=NOW + 60 * MINUTE, deadlines=DEADLINES)
    assert (facts.state, facts.level, facts.categories) == (CaseState.OPEN, 2, ("suicide", "relapse"))
    assert (facts.acknowledged_at, facts.first_word_at, facts.outcome, facts.page_count) == (None, None, None, 1)
    assert facts.asked_at == NOW + 60 * MINUTE


def test_request_reopened_stays_a_request() -> None:
    closed = case.close_case(opened(1, CaseKind.REQUEST), outcome=Outcome.DONE, now=NOW)
    facts = case.reopen_case(closed, level=1, categories=(), now=NOW, deadlines=DEADLINES)
    assert facts.kind is CaseKind.REQUEST


@pytest.mark.parametrize(
    ("level", "outcome", "expected"),
    [(3, Outcome.DONE, True), (3, Outcome.FALSE_ALARM, False), (2, Outcome.DONE, False)],
)
def test_check_in_follows_real_emergencies(level: int, outcome: Outcome, expected: bool) -> None:
    assert case.needs_check_in(case.close_case(opened(level), outcome=outcome, now=NOW)) is expected


LEVELS = st.integers(0, 3)


class CaseMachine(RuleBasedStateMachine):
    """Any order of steps keeps a case consistent."""

    @initialize(level=LEVELS, kind=st.sampled_from(CaseKind))
    def start(self, level: int, kind: CaseKind) -> None:
        self.now = NOW
        self.facts = opened(level, kind)
        self.floor = level

    def _in(self, *states: CaseState) -> bool:
        return self.facts.state in states

    @rule(seconds=st.integers(0, 7200))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self._in(*case.ACTIVE))
    @rule(level=LEVELS, risk=st.booleans())
    def raised(self, level: int, risk: bool) -> None:
        before = self.facts
        result = case.raise_case(
            before, level=level, categories=("relapse",), now=self.now, deadlines=DEADLINES, risk=risk
        )
        self.facts, self.floor = result.facts, max(self.floor, level)
        if before.state is CaseState.OPEN:
            assert before.due_at is not None and self.facts.due_at is not None
            assert self.facts.due_at <= before.due_at
            assert not result.higher or result.page_now

    @precondition(lambda self: self._in(CaseState.OPEN))
    @rule()
    def due(self) -> None:
        if self.facts.next_page_at is not None and self.facts.next_page_at <= self.now:
            self.facts = case.note_page(self.facts, self.now, DEADLINES)
        if self.facts.next_tell_at is not None and self.facts.next_tell_at <= self.now:
            self.facts = case.note_tell(self.facts, self.now)

    @precondition(lambda self: self._in(CaseState.OPEN))
    @rule()
    def take(self) -> None:
        self.facts = case.take_case(self.facts, counselor_id=1, now=self.now)

    @precondition(lambda self: self._in(*case.TAKEN))
    @rule(step=st.sampled_from(["speak", "hear", "hand", "release", "remind"]))
    def with_counselor(self, step: str) -> None:
        steps = {
            "speak": lambda: case.counselor_spoke(self.facts, self.now),
            "hear": lambda: case.person_spoke(self.facts, self.now),
            "hand": lambda: case.hand_over(self.facts, counselor_id=2, now=self.now),
            "release": lambda: case.release_case(self.facts, self.now, DEADLINES),
            "remind": lambda: case.note_reminder(self.facts),
        }
        self.facts = steps[step]()

    @precondition(lambda self: self._in(*case.ACTIVE))
    @rule(outcome=st.sampled_from(Outcome))
    def close(self, outcome: Outcome) -> None:
        self.facts = case.close_case(self.facts, outcome=outcome, now=self.now)

    @precondition(lambda self: self._in(CaseState.CLOSED))
    @rule(level=LEVELS)
    def reopen(self, level: int) -> None:
        self.facts = case.reopen_case(self.facts, level=level, categories=(), now=self.now, deadlines=DEADLINES)
        self.floor = level

    @invariant()
    def open_cases_and_only_those_are_paged(self) -> None:
        is_open = self._in(CaseState.OPEN)
        assert (self.facts.next_page_at is not None) == is_open
        assert (self.facts.due_at is not None) == is_open
        assert not is_open or self.facts.page_count >= 1

    @invariant()
    def taken_cases_and_only_those_have_a_counselor(self) -> None:
        if self._in(CaseState.CLOSED):
            return
        assert (self.facts.counselor_id is not None) == self._in(*case.TAKEN)

    @invariant()
    def level_never_falls(self) -> None:
        assert self.facts.level >= self.floor

    @invariant()
    def nobody_waits_without_a_reminder(self) -> None:
        assert (self.facts.awaiting_since is None) == (self.facts.next_remind_at is None)

    @invariant()
    def categories_are_unique(self) -> None:
        assert len(set(self.facts.categories)) == len(self.facts.categories)


CaseMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCaseMachine = CaseMachine.TestCase
