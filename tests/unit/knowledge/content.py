"""Small made-up content: a passage that passes every check, settings over a folder, and an encoder of a few lines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from knowledge.settings import KnowledgeSettings
from knowledge.vector_index import Vectors

BODY_ID = """Kepercayaan tumbuh lagi pelan-pelan, lewat janji kecil yang ditepati setiap hari. Wajar kalau masih ragu.

Mulai dari hal kecil:
- Pulang pada jam yang sudah disepakati.
- Jujur saat ada yang gagal.
- Minta maaf tanpa alasan.

Beri waktu. Banyak keluarga butuh berbulan-bulan. Kalau rasanya berat, ketik /konselor untuk bicara dengan orang."""
BODY_EN = """Trust grows back slowly, through small promises that are kept each day. It is normal to have doubts still.

Start with small things:
- Come home at the agreed hour.
- Be honest when something failed.
- Say sorry without excuses.

Give it time. Many families need months. If it feels heavy, type /konselor to talk with a person."""


def passage_text(**changes: Any) -> str:
    """Return a file of one passage in order, with fields or bodies (`id_body`) changed; None leaves one out."""
    bodies = {"id": changes.pop("id_body", BODY_ID), "en": changes.pop("en_body", BODY_EN)}
    fields: dict[str, Any] = {
        "id": "family.trust.again",
        "topic": "family.trust",
        "audience": "family",
        "title": {"id": "Percaya lagi", "en": "Trusting again"},
        "sources": [{"institution": "UNODC", "title": "Family skills", "year": 2020}],
        "confidence": "medium",
        "reviewed": "2026-11-01",
        "review_by": "2027-11-01",
        "related": ["family.boundaries"],
        "urgent": False,
    }
    fields.update(changes)
    lines = []
    for name, value in fields.items():
        if value is None:
            continue
        if name in ("reviewed", "review_by"):
            lines.append(f"{name}: {value}")
        else:
            lines.append(yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False).strip())
    front_matter = "\n".join(lines)
    written = "\n\n".join(f"## {language}\n\n{body}" for language, body in bodies.items() if body is not None)
    return f"---\n{front_matter}\n---\n{written}\n"


class FolderSettings(KnowledgeSettings):
    """Settings whose content does not stand in the repository."""

    content_dir: Path

    @property
    def passages_dir(self) -> Path:
        return self.content_dir / "passages"

    @property
    def questions_dir(self) -> Path:
        return self.content_dir / "questions"


def make_settings(folder: Path) -> FolderSettings:
    """Return settings below a folder; `.env` is not read."""
    (folder / "content" / "passages").mkdir(parents=True, exist_ok=True)
    (folder / "content" / "questions").mkdir(parents=True, exist_ok=True)
    return FolderSettings(
        _env_file=None,
        data_dir=folder / "var",
        overlay_dir=folder / "content" / "overlay",
        content_dir=folder / "content",
    )


class WordEncoder:
    """Turns a text into the normalised sum of one fixed random direction a word: alike where words are shared."""

    def __init__(self, model_id: str = "words", dimension: int = 64) -> None:
        self.model_id = model_id
        self.dimension = dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.stack([self._one(text) for text in texts]) if texts else np.empty((0, self.dimension))
        return vectors.astype(np.float32)

    def _one(self, text: str) -> Vectors:
        total = self._direction("") * 0.1
        for word in text.split():
            total = total + self._direction(word)
        return total / np.linalg.norm(total)

    def _direction(self, word: str) -> Vectors:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        return np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
