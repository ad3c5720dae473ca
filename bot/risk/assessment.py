"""What the risk screen says about one utterance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class RiskLevel(IntEnum):
    """How soon a human must answer. Source: docs/risk.md, the taxonomy."""

    NONE = 0
    SUPPORT = 1
    URGENT = 2
    EMERGENCY = 3


class Category(StrEnum):
    """What the danger is; decides which words the person reads. In order of precedence for wording."""

    OVERDOSE = "overdose"
    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    VIOLENCE = "violence"
    WITHDRAWAL = "withdrawal"
    PSYCHOSIS = "psychosis"
    RELAPSE = "relapse"
    RUNAWAY = "runaway"
    DISTRESS = "distress"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why: the few words that raised the level, and the rule or model that read them."""

    words: str
    source: str


@dataclass(frozen=True, slots=True)
class RiskAssessment:
    """One utterance's level and what goes with it.

    Attributes:
        categories: `Category` values, most important first; never empty from level SUPPORT up.
        ask: The screen is unsure between a page and nothing: put the safety question (level is NONE or SUPPORT).
        evidence: For the counselor; never more of the text than needed.
        rung: Highest rung of the C-SSRS-shaped ladder that was said (wish, thoughts, method, intent, plan,
            behaviour); None where the danger is another one.
        score: Model's probability of level URGENT or above; 1.0 where a rule was sure.
    """

    level: RiskLevel
    categories: tuple[str, ...] = ()
    ask: bool = False
    evidence: tuple[Evidence, ...] = ()
    rung: str | None = None
    score: float = 0.0
