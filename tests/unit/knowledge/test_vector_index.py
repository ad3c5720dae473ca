"""Nearest neighbours: exact while small, an inverted file beyond, and never a silent failure."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

import knowledge.vector_index as module
from knowledge.errors import PassageIndexError
from knowledge.vector_index import VectorIndex, Vectors


def unit_vectors(count: int, dimension: int = 16, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_finds_the_nearest_first_with_its_cosine() -> None:
    vectors = unit_vectors(50)
    positions, cosines = VectorIndex.build(vectors).search(vectors[7], 5)
    assert positions[0] == 7
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)
    assert positions.tolist() == np.argsort(-(vectors @ vectors[7]))[:5].tolist()


@pytest.mark.parametrize("count", [1, 3])
def test_asking_for_more_than_there_are_gives_all(count: int) -> None:
    positions, cosines = VectorIndex.build(unit_vectors(count)).search(unit_vectors(1, seed=1)[0], 200)
    assert sorted(positions.tolist()) == list(range(count))
    assert len(cosines) == count


def test_up_to_the_limit_search_is_exact(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 400)
    with caplog.at_level(logging.WARNING):
        index = VectorIndex.build(unit_vectors(400))
    assert index.is_exact
    assert caplog.messages == []


def test_beyond_the_limit_it_switches_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 400)
    vectors = unit_vectors(401)
    with caplog.at_level(logging.WARNING):
        index = VectorIndex.build(vectors)
    assert not index.is_exact
    assert len(index) == 401
    assert caplog.messages == ["401 vectors: searching an inverted file of 80 lists instead of exactly"]
    found = [index.search(vector, 1)[0][0] for vector in vectors]
    assert found == list(range(401))


@pytest.mark.parametrize("limit", [10, 1_000])
def test_a_saved_index_is_read_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: int) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", limit)
    vectors = unit_vectors(200)
    index = VectorIndex.build(vectors)
    index.save(tmp_path / "vectors.faiss")
    again = VectorIndex.load(tmp_path / "vectors.faiss")
    assert len(again) == 200
    assert again.is_exact == index.is_exact == (limit == 1_000)
    assert again.search(vectors[3], 4)[0].tolist() == index.search(vectors[3], 4)[0].tolist()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        PassageIndexError, match=r"vectors\.faiss is missing or corrupt: run `python -m knowledge build`"
    ):
        VectorIndex.load(tmp_path / "vectors.faiss")


@pytest.mark.parametrize("content", [b"", b"not an index at all", b"IxFI" + b"\x00" * 8])
def test_a_corrupt_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    path.write_bytes(content)
    with pytest.raises(PassageIndexError, match="missing or corrupt"):
        VectorIndex.load(path)
