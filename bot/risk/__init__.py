"""The risk screen: text in, `RiskAssessment` out, and the words for each danger. Pure: no network, no database."""

from bot.risk.assessment import Category, Evidence, RiskAssessment, RiskLevel
from bot.risk.screen import RiskScreen
from bot.risk.texts import crisis_reply, grounding_exercise, safety_question, support_reply

__all__ = [
    "Category",
    "Evidence",
    "RiskAssessment",
    "RiskLevel",
    "RiskScreen",
    "crisis_reply",
    "grounding_exercise",
    "safety_question",
    "support_reply",
]
