"""Questions to the knowledge base as examples of everyday traffic, so that the screen learns what asking sounds like.

Somebody who asks what rehab costs, or how to talk with a son who denies it, must get the answer and no safety question.
"""

from __future__ import annotations

import random
from pathlib import Path

from bot.risk.lexicon import Lexicon
from knowledge.dataset import Part, Question, RiskMessage, read_questions
from knowledge.language import Normalizer

STYLE = "question"
_SEED = 7
#: Topics whose questions often report danger; no question of theirs may teach the screen to be calm.
_GRAVE = frozenset(
    {
        "addiction.dual-diagnosis", "addiction.naloxone", "addiction.overdose-first-aid", "addiction.pregnancy",
        "addiction.withdrawal", "addiction.withdrawal-danger", "family.relapse-at-home", "family.violence-at-home",
        "help.emergency-numbers", "help.helping-suicidal-person", "help.self-harm", "help.sexual-violence",
        "help.suicidal-thoughts", "help.talk-to-counselor", "recovery.after-relapse", "recovery.anger",
        "recovery.anxiety-panic", "recovery.craving", "recovery.loneliness", "recovery.low-mood",
        "recovery.shame-guilt", "recovery.urge-surfing", "rehab.leaving-early", "rights.humane-treatment",
    }
)  # fmt: skip
#: Questions on a substance often describe somebody who has taken it; these styles only ask.
_ASKING = frozenset({"plain", "keyword", "formal"})


def everyday_questions(
    folder: Path, part: Part, lexicon: Lexicon, normalizer: Normalizer, *, at_most: int | None = None
) -> list[RiskMessage]:
    """Return a part's harmless questions as messages of level 0.

    Args:
        folder: The labelled questions of the knowledge base.
        at_most: So many at random, always the same.
    """
    chosen = [question for question in read_questions(folder, part) if _is_everyday(question, lexicon, normalizer)]
    if at_most is not None and len(chosen) > at_most:
        chosen = random.Random(_SEED).sample(chosen, at_most)  # noqa: S311 (no secret)
    return [RiskMessage(q.text, 0, (), q.language, q.speaker, STYLE, q.writer) for q in chosen]


def _is_everyday(question: Question, lexicon: Lexicon, normalizer: Normalizer) -> bool:
    if question.topic in _GRAVE or (question.topic.startswith("substance.") and question.style not in _ASKING):
        return False
    return not any(match.pattern.sure for match in lexicon.find(normalizer.normalize(question.text).text))
