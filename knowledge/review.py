"""The learning loop: questions that were answered badly or not at all, grouped for a curator, become training data.

`python -m bot export-reviews` moves them to var/review without identity; `python -m knowledge review` shows them
(review_desk.py) and writes what the curator decides. See docs/knowledge.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from knowledge.dataset import Part, read_questions, read_rows
from knowledge.encoder.serving import Encoder
from knowledge.errors import ContentError
from knowledge.language import Normalizer
from knowledge.settings import KnowledgeSettings
from knowledge.vector_index import Vectors

QUESTIONS_NAME = "questions.jsonl"
GAPS_NAME = "gaps.jsonl"
#: Kept out of the repository: real questions of one centre (see .gitignore).
CURATED_NAME = "curated.jsonl"
#: Questions whose mean cosine is above this form a group. Source: so grouped, 91 % of the tune part's questions stand with
#: the topic that most of their group have.
_ALIKE = 0.55
#: So many different questions are grouped at a time; the others wait. Grouping takes memory with the square.
_MOST = 2_000
_NEAREST = 5
_MAX_CHARACTERS = 400
_IDENTITY = re.compile(
    r"(?P<address>https?://\S+|www\.\S+|\S+@\S+\.\w+)|(?P<handle>(?<!\w)@\w{3,})|(?P<number>\+?\d[\d\-. ]{5,}\d)"
)

RankTopics = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class ReviewQuestion:
    """A question as it stands in the queue.

    Attributes:
        text: As typed, for finding its line again.
        shown: Without numbers, addresses and account names; what is shown and kept.
        language: "id" or "en".
        reason: "unanswered" or "not_helpful".
    """

    text: str
    shown: str
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewGroup:
    """Questions that ask much the same.

    Attributes:
        id: Six hexadecimal digits that stay the same while the group does.
        questions: Different questions, the most typical first.
        count: How often they were asked.
        nearest: Topics, the likeliest first.
    """

    id: str
    questions: tuple[ReviewQuestion, ...]
    count: int
    nearest: tuple[str, ...]


def read_queue(settings: KnowledgeSettings) -> list[ReviewQuestion]:
    """Return the questions that wait, oldest first; empty when there are none. Raises ContentError."""
    rows = read_rows(settings.review_dir / QUESTIONS_NAME, {"text", "language", "reason"})
    return [
        ReviewQuestion(row["text"], without_identity(row["text"]), str(row["language"]), str(row["reason"]))
        for row in rows
    ]


def without_identity(text: str) -> str:
    """Return the question on one line, without phone and id numbers, links, addresses and account names."""
    return " ".join(_IDENTITY.sub(" ", text).split())[:_MAX_CHARACTERS]


def group_questions(
    questions: Sequence[ReviewQuestion], encoder: Encoder, normalizer: Normalizer, rank: RankTopics
) -> list[ReviewGroup]:
    """Group alike questions, the largest group first.

    Args:
        rank: Returns a question's topics, best first.
    """
    asked = Counter(question.shown.casefold() for question in questions)
    different = {q.shown.casefold(): q for q in questions if normalizer.normalize(q.shown).words}
    chosen = list(different.values())[:_MOST]
    if not chosen:
        return []
    vectors = encoder.encode([normalizer.normalize(question.shown).text for question in chosen])
    groups = []
    for members in _clusters(vectors):
        centre = vectors[members].mean(axis=0)
        typical = [members[i] for i in np.argsort(-(vectors[members] @ centre), kind="stable")]
        found = tuple(chosen[i] for i in typical)
        count = sum(asked[question.shown.casefold()] for question in found)
        groups.append(ReviewGroup(_group_id(found), found, count, _nearest(found, rank)))
    return sorted(groups, key=lambda group: (-group.count, group.id))


def attach(settings: KnowledgeSettings, group: ReviewGroup, topic: str, *, topics: Iterable[str]) -> int:
    """Add a group's questions to a topic's training questions and take them off the queue; returns how many were new.

    Questions that stand in a held-out part, or are trained on already, are not added.

    Raises:
        ContentError: There is no such topic.
    """
    if topic not in set(topics):
        raise ContentError(f"'{topic}' is no topic of topics.yaml: use one that stands there, or mark a gap")
    used = {q.text.casefold().strip() for part in Part for q in read_questions(settings.questions_dir, part)}
    rows = [
        {"text": q.shown, "topic": topic, "lang": q.language, "speaker": "unknown", "style": "curated"}
        for q in group.questions
        if q.shown.casefold().strip() not in used
    ]
    _append(settings.questions_dir / Part.TRAIN / CURATED_NAME, rows)
    drop(settings, group)
    return len(rows)


def mark_gap(settings: KnowledgeSettings, group: ReviewGroup, *, today: dt.date) -> None:
    """Note that no topic answers a group, for the people who write passages, and take it off the queue."""
    row = {
        "group": group.id,
        "noted": today.isoformat(),
        "count": group.count,
        "nearest": list(group.nearest),
        "questions": [question.shown for question in group.questions],
    }
    _append(settings.review_dir / GAPS_NAME, [row])
    drop(settings, group)


def drop(settings: KnowledgeSettings, group: ReviewGroup) -> None:
    """Take a group off the queue. Lines that were added meanwhile stay."""
    path = settings.review_dir / QUESTIONS_NAME
    decided = {question.shown.casefold() for question in group.questions}
    kept = [
        row
        for row in read_rows(path, {"text", "language", "reason"})
        if without_identity(row["text"]).casefold() not in decided
    ]
    beside = path.with_suffix(".new")
    beside.write_text(_lines(kept), encoding="utf-8")
    beside.chmod(0o600)
    beside.replace(path)


def find_group(groups: Sequence[ReviewGroup], group_id: str) -> ReviewGroup:
    """Return a group by its id. Raises ContentError when it is not there (any more)."""
    for group in groups:
        if group.id == group_id:
            return group
    raise ContentError(f"there is no group '{group_id}': it was decided or has grown; see `python -m knowledge review`")


def _clusters(vectors: Vectors) -> list[list[int]]:
    if len(vectors) == 1:
        return [[0]]
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - _ALIKE
    ).fit(vectors)
    clusters: dict[int, list[int]] = {}
    for position, label in enumerate(model.labels_):
        clusters.setdefault(int(label), []).append(position)
    return list(clusters.values())


def _nearest(questions: Sequence[ReviewQuestion], rank: RankTopics) -> tuple[str, ...]:
    """Let the group's most typical questions vote, each with one over the place of a topic."""
    votes: dict[str, float] = {}
    for question in questions[:_NEAREST]:
        for place, topic in enumerate(rank(question.shown)[:_NEAREST], start=1):
            votes[topic] = votes.get(topic, 0.0) + 1 / place
    return tuple(sorted(votes, key=lambda topic: -votes[topic])[:_NEAREST])


def _group_id(questions: Sequence[ReviewQuestion]) -> str:
    texts = sorted(question.shown.casefold() for question in questions)
    return hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).hexdigest()[:6]


def _append(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(_lines(rows))


def _lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
