"""Assembles what the encoder learns from and runs the training: `python -m knowledge train`."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from knowledge.build import contextual, read_content
from knowledge.dataset import (
    Part,
    Scope,
    read_follow_ups,
    read_out_of_scope,
    read_risk_messages,
)
from knowledge.encoder.base_model import BaseModel, packaged_weights, read_base_model, trim_vocabulary, write_checkpoint
from knowledge.encoder.delta import merge_delta, write_delta
from knowledge.encoder.serving_files import DELTA_FILE
from knowledge.encoder.training import SEED, Recipe, Task, train_encoder
from knowledge.language import load_normalizer
from knowledge.language.characters import plain_characters
from knowledge.passage import LANGUAGES
from knowledge.settings import ROOT, KnowledgeSettings

RISK_DIR = ROOT / "training_data" / "risk"
_LEVELS = ("0", "1", "2", "3")


def train(settings: KnowledgeSettings, *, recipe: Recipe, go_on: bool, from_delta: bool) -> Path:
    """Train, and replace the shipped difference; returns its path.

    Args:
        go_on: Continue an interrupted run from its last finished epoch.
        from_delta: Start from the shipped encoder instead of the base weights, as when data was added.
    """
    work = settings.data_dir / "training"
    base = trim_vocabulary(read_base_model(packaged_weights()))
    start = merge_delta(base, DELTA_FILE) if from_delta else base
    write_checkpoint(start, work / "base")
    model = train_encoder(work / "base", assemble_tasks(settings), work / "run", recipe=recipe, resume=go_on)
    write_delta(base, trained_tensors(model, base), DELTA_FILE)
    return DELTA_FILE


def trained_tensors(model: object, base: BaseModel) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return the trained weights under the names of the base checkpoint."""
    state = model[0].model.state_dict()  # type: ignore[index]
    return {name: state[name].detach().cpu().numpy() for name in base.tensors}


def assemble_tasks(settings: KnowledgeSettings) -> dict[str, Task]:
    """Return the training tasks: topics of questions, levels and categories of risk, and scope."""
    content = read_content(settings)
    normalizer = load_normalizer()
    chooser = random.Random(SEED)

    def written(text: str) -> str:
        # The encoder meets both forms: as typed, and as the normaliser leaves it.
        normalized = normalizer.normalize(text).text
        return normalized if chooser.random() < 0.7 else plain_characters(text)

    topic_rows = [(written(question.text), question.topic) for question in content.questions]
    topic_rows += [
        (normalizer.normalize(p.title[language]).text, p.topic) for p in content.passages for language in LANGUAGES
    ]
    questions = list(content.questions)
    for conversation in read_follow_ups(settings.questions_dir, Part.TRAIN):
        topic_rows += [(contextual(normalizer, conversation.turns).text, conversation.topic)] * 2
    # History must not win over a last turn that speaks for itself.
    for question in chooser.sample(questions, min(400, len(questions))):
        before = chooser.choice(questions)
        topic_rows.append((contextual(normalizer, (before.text, question.text)).text, question.topic))

    outside = read_out_of_scope(settings.questions_dir, Part.TRAIN)
    inside = chooser.sample(questions, min(len(questions), len(outside)))
    scope_rows = [(written(row.text), row.scope.value) for row in outside]
    scope_rows += [(written(question.text), Scope.IN_SCOPE.value) for question in inside]

    risk_rows = [(written(message.text), str(message.level)) for message in read_risk_messages(RISK_DIR, Part.TRAIN)]
    read = [(row.text, row.risk) for row in questions] + [(row.text, row.risk) for row in outside]
    risk_rows += [(written(text), str(risk.level)) for text, risk in read if risk is not None]
    return {
        "topic": Task(
            [text for text, _ in topic_rows], [[t] for _, t in topic_rows], list(content.topics), cosine=True
        ),
        "risk": Task([text for text, _ in risk_rows], [[level] for _, level in risk_rows], _LEVELS, weight=0.7),
        "scope": Task(
            [text for text, _ in scope_rows], [[s] for _, s in scope_rows], [s.value for s in Scope], weight=0.5
        ),
    }


