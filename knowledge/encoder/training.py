"""Adapts the base encoder to how residents and families write.

One encoder learns several things at once: which topic a question belongs to (a cosine softmax over topics, which is
contrastive learning with every other topic as a negative), how dangerous an utterance is, and whether it is in scope
at all. The word embeddings stay as they are; what the other weights have learned ships as a small quantised
difference (`delta.py`). See docs/retrieval.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import Tensor, nn

#: Passed to torch, numpy and the samplers: the same data and seed give the same encoder on one machine.
SEED = 20260102
_TEXTS_PER_CLASS = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Labelled texts of one task.

    Attributes:
        texts: Utterances or passages, normalised.
        labels: One label set a text; several labels mean a multi-label task.
        classes: All labels, in a fixed order.
        weight: How much this task counts against the others.
        cosine: Whether to compare with class vectors by cosine (retrieval) or by a linear layer (classification).
    """

    texts: Sequence[str]
    labels: Sequence[Sequence[str]]
    classes: Sequence[str]
    weight: float = 1.0
    cosine: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """The training run's numbers. Source: measured on the tune part, see docs/retrieval.md."""

    epochs: float = 2.5
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 5e-3
    max_tokens: int = 80


class LabelLoss(nn.Module):
    """Cross-entropy of label sets against the sentence embedding, in the form that sentence-transformers expects."""

    def __init__(self, model: SentenceTransformer, task: Task) -> None:
        super().__init__()
        self.model = model
        self.task_weight = task.weight
        self.head: nn.Module = (
            _CosineHead(_class_means(model, task))
            if task.cosine
            else nn.Sequential(nn.Dropout(0.1), _Scaled(model.get_embedding_dimension() or 0, len(task.classes)))
        )
        self.multi_label = any(len(labels) != 1 for labels in task.labels)

    def forward(self, features: list[dict[str, Tensor]], labels: Tensor) -> Tensor:
        embedding = self.model(features[0])["sentence_embedding"]
        logits = self.head(embedding)
        if self.multi_label:
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.float()) * 4
        else:
            loss = nn.functional.cross_entropy(logits, labels.argmax(dim=1), label_smoothing=0.05)
        return loss * self.task_weight


class _CosineHead(nn.Module):
    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors)

    def forward(self, embedding: Tensor) -> Tensor:
        return 20.0 * embedding @ nn.functional.normalize(self.vectors, dim=1).T


def _class_means(model: SentenceTransformer, task: Task) -> Tensor:
    """Return each class's mean vector over a few short texts: a random start would first unlearn what is known."""
    chosen: list[str] = []
    for label in task.classes:
        texts = [text for text, labels in zip(task.texts, task.labels, strict=True) if labels == [label]]
        chosen += sorted(texts, key=len)[: _TEXTS_PER_CLASS] or [label]
    owners = torch.tensor([task.classes.index(label) for label in task.classes for _ in range(_count(task, label))])
    vectors = torch.as_tensor(model.encode([f"query: {text}" for text in chosen], show_progress_bar=False))
    means = torch.zeros(len(task.classes), vectors.shape[1]).index_add_(0, owners, vectors)
    centred = nn.functional.normalize(means, dim=1)
    return nn.functional.normalize(centred - centred.mean(dim=0), dim=1)


def _count(task: Task, label: str) -> int:
    return max(1, min(_TEXTS_PER_CLASS, sum(labels == [label] for labels in task.labels)))


class _Scaled(nn.Linear):
    """A linear layer on unit vectors, which need a larger scale to give confident logits."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input * 10.0)


def load_sentence_transformer(checkpoint: Path | str, *, max_tokens: int) -> SentenceTransformer:
    """Load a checkpoint folder (or hub name) with mean pooling and unit length, as e5 models are used."""
    transformer = Transformer(str(checkpoint), max_seq_length=max_tokens)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    return SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")


def train_encoder(
    checkpoint: Path, tasks: Mapping[str, Task], output: Path, *, recipe: Recipe, resume: bool
) -> SentenceTransformer:
    """Train with a progress bar, keep a restart point each epoch, and return the adapted model.

    Args:
        checkpoint: Folder written by `base_model.write_checkpoint`.
        output: Folder for the restart points.
        resume: Continue from the newest restart point in `output`.
    """
    torch.manual_seed(SEED)
    model = load_sentence_transformer(checkpoint, max_tokens=recipe.max_tokens)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "word_embeddings" not in name
    datasets = {name: _dataset(task) for name, task in tasks.items()}
    losses: dict[str, nn.Module] = {name: LabelLoss(model, task) for name, task in tasks.items()}
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(output),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        learning_rate_mapping={r"head": recipe.head_learning_rate},
        lr_scheduler_type="cosine",
        warmup_steps=0.06,
        weight_decay=0.01,
        max_grad_norm=1.0,
        seed=SEED,
        data_seed=SEED,
        save_strategy="epoch",
        save_total_limit=1,
        logging_steps=50,
        report_to=[],
        batch_sampler=_SimilarLengthSampler,
        multi_dataset_batch_sampler="proportional",
        prompts="query: ",
        use_cpu=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )
    trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=datasets, loss=losses)
    trainer.train(resume_from_checkpoint=resume)
    return model


class _SimilarLengthSampler(DefaultBatchSampler):
    """Batches texts of similar length: padding short questions to a long story's length costs threefold time."""

    pool = 16

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        lengths = [len(text) for text in self._texts()]
        order = torch.randperm(len(lengths), generator=generator).tolist()
        size = self.batch_size * self.pool
        batches = []
        for start in range(0, len(order), size):
            pool = sorted(order[start : start + size], key=lengths.__getitem__)
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        for index in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[index]

    def __len__(self) -> int:
        return -(-len(self._texts()) // self.batch_size)

    def _texts(self) -> list[str]:
        dataset: Any = self.sampler  # sentence-transformers hands the dataset itself to the sampler
        return list(dataset["text"])


def _dataset(task: Task) -> Dataset:
    position = {label: index for index, label in enumerate(task.classes)}
    rows = []
    for labels in task.labels:
        row = [0] * len(task.classes)
        for label in labels:
            row[position[label]] = 1
        rows.append(row)
    return Dataset.from_dict({"text": list(task.texts), "label": rows})
