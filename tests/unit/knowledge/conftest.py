"""Fixtures of the knowledge room: one normaliser for all tests, a tiny encoder, and content that a test may spoil."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import knowledge.build as build_module
from knowledge.build import build_index
from knowledge.index import KnowledgeIndex
from knowledge.language import Normalizer, load_normalizer
from knowledge.passage import Passage, read_passage_file
from tests.unit.knowledge.content import FolderSettings, WordEncoder, make_settings, passage_text
from tests.unit.knowledge.small_world import TOPICS, write_world


@pytest.fixture(scope="session")
def normalizer() -> Normalizer:
    """The project's own normaliser; loading its word lists takes seconds, so all tests share it."""
    return load_normalizer()


@pytest.fixture(scope="session")
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def settings(tmp_path: Path) -> FolderSettings:  # the gateway's fixture of this name is not wanted here
    """Settings whose content lies in a temporary folder, empty at first."""
    return make_settings(tmp_path)


@pytest.fixture
def make_passage(tmp_path: Path) -> Callable[..., Passage]:
    """Return a function that writes one passage, well-formed but for what it is given, and reads it back."""

    def make(local: bool = False, **fields: Any) -> Passage:
        topic = fields.get("topic", "family.trust")
        group, _, name = topic.partition(".")
        path = tmp_path / "content" / "passages" / group / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(passage_text(**fields), encoding="utf-8")
        return read_passage_file(path, local=local)[0]

    return make


@pytest.fixture
def write_rows() -> Callable[[Path, list[dict[str, Any]]], Path]:
    """Return a function that writes JSON lines."""

    def write(path: Path, rows: list[dict[str, Any]]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def small_index(
    tmp_path_factory: pytest.TempPathFactory, encoder: WordEncoder, normalizer: Normalizer
) -> KnowledgeIndex:
    """The index of the small world, built once."""
    world = write_world(tmp_path_factory.mktemp("world"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "read_topics", lambda: {name: dict(titles) for name, titles in TOPICS.items()})
        return build_index(world, encoder, normalizer, say=lambda _text: None)
