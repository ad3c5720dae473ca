"""Measures retrieval on the `evaluate` part: the whole way, each part's share, and what simpler methods reach."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.answer import Answer, Responder, load_encoder
from knowledge.build import read_content
from knowledge.dataset import Part, Question, Scope, read_follow_ups, read_out_of_scope, read_questions
from knowledge.encoder.base_model import packaged_weights, read_base_model, tokenizer_json, trim_vocabulary
from knowledge.encoder.export import export_serving_model
from knowledge.encoder.serving import MODEL_FILE, TOKENIZER_FILE, Encoder, OnnxEncoder
from knowledge.index import KnowledgeIndex, load_index
from knowledge.language import Normalizer, load_normalizer
from knowledge.lexical import Bm25
from knowledge.ranking import PARTS
from knowledge.settings import KnowledgeSettings
from knowledge.table import text_table

Ranking = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of questions whose topic was ranked first, in the first three, and the mean reciprocal rank."""

    count: int
    top1: float
    top3: float
    reciprocal: float

    @classmethod
    def of(cls, ranks: Sequence[int]) -> Score:
        """Summarise ranks (1 is best; 0 where the topic was not ranked at all)."""
        if not ranks:
            return cls(0, 0.0, 0.0, 0.0)
        return cls(
            len(ranks),
            sum(rank == 1 for rank in ranks) / len(ranks),
            sum(1 <= rank <= 3 for rank in ranks) / len(ranks),
            sum(1 / rank for rank in ranks if rank) / len(ranks),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A baseline measured elsewhere: ranks of all evaluated questions in their order, time a question, memory."""

    ranks: Sequence[int]
    took_ms: float
    memory_mb: float


def resident_mb() -> float:
    """Return this process's resident memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def retrieval_tables(settings: KnowledgeSettings, *, faq: Measured | None = None) -> Iterator[str]:
    """Yield the tables as text, one after the other.

    Args:
        faq: The stock Rasa FAQ, which only Rasa's own environment can measure.
    """
    memory = resident_mb()
    encoder = load_encoder(settings)
    normalizer = load_normalizer()
    index = load_index(settings.index_dir, encoder_id=encoder.model_id)
    responder = Responder(index, encoder, normalizer)
    questions = read_questions(settings.questions_dir, Part.EVALUATE)
    yield from _ranking_tables(settings, responder, index, encoder, normalizer, questions, faq, memory)
    yield _scope_table(settings, responder)
    yield _follow_up_table(settings, responder)
    yield _coverage_table(index)


def rank_of(topic: str, ranked: Sequence[str]) -> int:
    """Return the place of a topic, 1 is first; 0 when it is not there."""
    return ranked.index(topic) + 1 if topic in ranked else 0


def _ranking_tables(
    settings: KnowledgeSettings,
    responder: Responder,
    index: KnowledgeIndex,
    encoder: Encoder,
    normalizer: Normalizer,
    questions: Sequence[Question],
    faq: Measured | None,
    memory: float,
) -> Iterator[str]:
    started = time.perf_counter()
    answers = [responder.answer([q.text], speaker=q.speaker) for q in questions]
    took = (time.perf_counter() - started) / max(len(questions), 1) * 1000
    ranks = [rank_of(q.topic, [t.id for t in a.topics]) for q, a in zip(questions, answers, strict=True)]
    rows = [(*_row("Pendamping", ranks, took), f"{resident_mb() - memory:.0f}")]
    for name, make in _baselines(settings, normalizer).items():
        memory = resident_mb()
        ranking = make()
        begun = time.perf_counter()
        base = [rank_of(q.topic, ranking(q.text)) for q in questions]
        took = (time.perf_counter() - begun) / max(len(questions), 1) * 1000
        rows.append((*_row(name, base, took), f"{max(0.0, resident_mb() - memory):.0f}"))
    if faq is not None:
        rows.append((*_row("stock Rasa FAQ", faq.ranks, faq.took_ms), f"{faq.memory_mb:.0f}"))
    head = ("method", "n", "top-1", "top-3", "MRR", "ms", "MB")
    yield text_table(f"Retrieval, {len(questions)} unseen questions", head, rows)
    yield text_table(
        "Ablation: ranking by the parts that remain",
        ("parts", "n", "top-1", "top-3", "MRR", "ms"),
        list(_ablation(index, encoder, normalizer, questions)),
    )
    for field in ("language", "speaker", "style", "writer"):
        yield _split(f"By {field}", [(getattr(q, field), rank) for q, rank in zip(questions, ranks, strict=True)])
    yield _split("By group", [(q.topic.split(".")[0], rank) for q, rank in zip(questions, ranks, strict=True)])
    yield _turned_away(questions, answers)
    yield _answerable_by_writer(questions, answers)


def _ablation(
    index: KnowledgeIndex, encoder: Encoder, normalizer: Normalizer, questions: Sequence[Question]
) -> Iterator[tuple[str, ...]]:
    ranker = index.ranker
    read = [normalizer.normalize(q.text) for q in questions]
    evidence = [ranker.evidence(t, encoder.encode([t.text])[0]) for t in read]
    variants = {"all": PARTS} | {f"without {part}": tuple(p for p in PARTS if p != part) for part in PARTS}
    variants |= {f"only {part}": (part,) for part in PARTS}
    for name, parts in variants.items():
        ranks = []
        for row, question in zip(evidence, questions, strict=True):
            scores = ranker.fuse({part: row[part] for part in parts})
            order = np.argsort(-scores)
            ranks.append(int(np.where(order == ranker.topics.index(question.topic))[0][0]) + 1)
        yield _row(name, ranks, float("nan"))


def _baselines(settings: KnowledgeSettings, normalizer: Normalizer) -> dict[str, Callable[[], Ranking]]:
    """Return simpler methods over the same sample questions, each as a function that makes it ready."""
    content = read_content(settings)
    rows = [(question.text, question.topic) for question in content.questions]
    rows += [(p.title[lang] + ". " + p.body[lang], p.topic) for p in content.passages for lang in ("id", "en")]
    topics = [topic for _, topic in rows]
    texts = [normalizer.normalize(text) for text, _ in rows]
    def best_first(scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[str]:
        return list(dict.fromkeys(topics[i] for i in np.argsort(-scores)[:400]))

    def by_stems() -> Ranking:
        bm25 = Bm25(characters=False).fit(texts)
        return lambda text: best_first(bm25.scores(normalizer.normalize(text)))

    def by_untuned_encoder() -> Ranking:
        untuned = _untuned_encoder(settings)
        vectors = np.stack([untuned.encode([text])[0] for text, _ in rows])
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        centred /= np.linalg.norm(centred, axis=1, keepdims=True)
        return lambda text: best_first(centred @ (untuned.encode([text])[0] - mean))

    return {"BM25 over stems": by_stems, "untuned e5-small, centred": by_untuned_encoder}


def _untuned_encoder(settings: KnowledgeSettings) -> OnnxEncoder:
    folder: Path = settings.data_dir / "encoder-untuned"
    if not (folder / MODEL_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        model = trim_vocabulary(read_base_model(packaged_weights()))
        tokenizer_json(model, folder / TOKENIZER_FILE)
        (folder / "model_id").write_text("untuned", encoding="utf-8")
        export_serving_model(model, folder / MODEL_FILE)
    return OnnxEncoder(folder)


def _turned_away(questions: Sequence[Question], answers: Sequence[Answer]) -> str:
    reasons = Counter(answer.reason for answer in answers if not answer.answered)
    wrong = sum(a.answered and a.topics[0].id != q.topic for q, a in zip(questions, answers, strict=True))
    rows = [(str(reason), str(count), f"{count / len(questions):.3f}") for reason, count in reasons.most_common()]
    rows.append(("all wrong abstentions", str(sum(reasons.values())), f"{sum(reasons.values()) / len(questions):.3f}"))
    rows.append(("answered from another topic", str(wrong), f"{wrong / len(questions):.3f}"))
    return text_table("Answerable questions that got no or another answer", ("kind", "n", "share"), rows)


def _answerable_by_writer(questions: Sequence[Question], answers: Sequence[Answer]) -> str:
    rows = []
    for writer in sorted({question.writer for question in questions}):
        own = [answer for question, answer in zip(questions, answers, strict=True) if question.writer == writer]
        away = sum(not a.answered for a in own) / len(own)
        refused = sum(a.reason == Scope.HARMFUL for a in own) / len(own)
        rows.append((writer, str(len(own)), f"{away:.3f}", f"{refused:.3f}"))
    return text_table("Answerable questions by writer", ("writer", "n", "turned away", "taken for harmful"), rows)


def _scope_table(settings: KnowledgeSettings, responder: Responder) -> str:
    outside = read_out_of_scope(settings.questions_dir, Part.EVALUATE)
    by_kind: dict[str, list[Answer]] = defaultdict(list)
    by_writer: dict[str, list[bool]] = defaultdict(list)
    for row in outside:
        answer = responder.answer([row.text])
        by_kind[row.scope.value].append(answer)
        if row.scope is Scope.HARMFUL:
            by_writer[row.writer].append(answer.reason == Scope.HARMFUL)
    rows = [
        (
            kind,
            str(len(answers)),
            f"{sum(not a.answered for a in answers) / len(answers):.3f}",
            f"{sum(a.reason == kind for a in answers) / len(answers):.3f}",
        )
        for kind, answers in sorted(by_kind.items())
    ]
    every = [answer for answers in by_kind.values() for answer in answers]
    others = [a for kind, answers in by_kind.items() if kind != Scope.HARMFUL for a in answers]
    for name, answers in (("all", every), ("all but harmful", others)):
        if answers:
            rows.append((name, str(len(answers)), f"{sum(not a.answered for a in answers) / len(answers):.3f}", ""))
    for writer, right in sorted(by_writer.items()):
        rows.append((f"harmful, {writer} writer", str(len(right)), "", f"{sum(right) / len(right):.3f}"))
    return text_table("Out of scope: not answered with a passage, and named rightly", ("kind", "n", "no passage", "right kind"), rows)


def _follow_up_table(settings: KnowledgeSettings, responder: Responder) -> str:
    conversations = read_follow_ups(settings.questions_dir, Part.EVALUATE)
    together = [rank_of(c.topic, [t.id for t in responder.answer(c.turns).topics]) for c in conversations]
    alone = [rank_of(c.topic, [t.id for t in responder.answer(c.turns[-1:]).topics]) for c in conversations]
    rows = [_row("with the turns before", together, float("nan")), _row("last turn alone", alone, float("nan"))]
    return text_table("Follow-up questions", ("reading", "n", "top-1", "top-3", "MRR", "ms"), rows)


def _coverage_table(index: KnowledgeIndex) -> str:
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    seen: set[str] = set()
    for topic in index.topic_titles:
        groups[topic.split(".")[0]][0] += 1
    for passage in index.passages:
        group = groups[passage.topic.split(".")[0]]
        group[1] += passage.topic not in seen
        seen.add(passage.topic)
        group[2] += bool(passage.body.get("id"))
        group[3] += bool(passage.body.get("en"))
    rows = [(name, *map(str, counts)) for name, counts in groups.items()]
    rows.append(("all", *(str(sum(counts[i] for counts in groups.values())) for i in range(4))))
    return text_table("Coverage", ("group", "topics", "covered", "passages id", "passages en"), rows)


def _split(title: str, rows: Sequence[tuple[str, int]]) -> str:
    groups: dict[str, list[int]] = defaultdict(list)
    for name, rank in rows:
        groups[name].append(rank)
    return text_table(title, ("", "n", "top-1", "top-3", "MRR", "ms"), [_row(n, r, float("nan")) for n, r in sorted(groups.items())])


def _row(name: str, ranks: Sequence[int], took_ms: float) -> tuple[str, ...]:
    score = Score.of(ranks)
    took = "" if took_ms != took_ms else f"{took_ms:.1f}"
    return (name, str(score.count), f"{score.top1:.3f}", f"{score.top3:.3f}", f"{score.reciprocal:.3f}", took)
