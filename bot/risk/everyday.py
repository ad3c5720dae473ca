"""Everyday traffic for the screen to learn from: what people ask the knowledge base, most of it harmless.

Somebody who asks what rehab costs, or what the signs of an overdose are, must get the answer and no safety question;
somebody who asks what to do because it is happening must be heard. Which is which was read and noted with the question.
"""

from __future__ import annotations

import random
from pathlib import Path

from knowledge.dataset import Part, Risk, RiskMessage, read_out_of_scope, read_questions

STYLE = "question"
_SEED = 7


def everyday_messages(folder: Path, part: Part, *, at_most: int | None = None) -> list[RiskMessage]:
    """Return a part's questions, and what else people say there, as messages with risk labels.

    Args:
        folder: The questions of the knowledge base.
        at_most: All that were read with danger in mind, and of the others so many at random, always the same.
    """
    rows = [
        (q.risk, RiskMessage(q.text, *_label(q.risk), q.language, q.speaker, STYLE, q.writer))
        for q in read_questions(folder, part)
    ]
    rows += [
        (o.risk, RiskMessage(o.text, *_label(o.risk), o.language, "unknown", STYLE))
        for o in read_out_of_scope(folder, part)
    ]
    glanced = [message for risk, message in rows if risk is None]
    if at_most is not None and len(glanced) > at_most:
        glanced = random.Random(_SEED).sample(glanced, at_most)  # noqa: S311 (no secret)
    return [message for risk, message in rows if risk is not None] + glanced


def _label(risk: Risk | None) -> tuple[int, tuple[str, ...]]:
    return (risk.level, risk.categories) if risk is not None else (0, ())
