"""A build is replaced as a whole; what is missing, corrupt or of another encoder is refused with the mend."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import knowledge.index as module
from knowledge.errors import PassageIndexError
from knowledge.index import KnowledgeIndex, load_index, read_manifest, save_index
from knowledge.vector_index import VectorIndex


@pytest.fixture
def at(small_index: KnowledgeIndex) -> Callable[[int], KnowledgeIndex]:
    """Return a function that gives the index as if it had been built in a certain minute."""

    def make(minute: int) -> KnowledgeIndex:
        return dataclasses.replace(small_index, built_at=dt.datetime(2026, 11, 21, 5, minute, tzinfo=dt.UTC))

    return make


def test_what_is_saved_is_loaded(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    save_index(at(1), tmp_path, "print")
    loaded = load_index(tmp_path, encoder_id="words")
    assert loaded.passages == at(1).passages
    assert loaded.built_at == at(1).built_at
    assert loaded.clear_threshold == at(1).clear_threshold
    assert len(loaded.ranker.index) == len(at(1).ranker.index)


def test_saving_leaves_the_index_in_memory_whole(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    index = at(1)
    save_index(index, tmp_path, "print")
    assert isinstance(index.ranker.index, VectorIndex)


def test_the_manifest_tells_what_was_built(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    build = save_index(at(1), tmp_path, "print")
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest["fingerprint"] == "print"
    assert manifest["encoder"] == "words"
    assert manifest["build"] == build.name
    assert manifest["passages"] == len(at(1).passages)


def test_nothing_built_yet_says_what_to_do(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    with pytest.raises(PassageIndexError, match="no index has been built yet: run `python -m knowledge build`"):
        load_index(tmp_path, encoder_id="words")


def test_an_index_of_another_encoder_is_refused(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    save_index(at(1), tmp_path, "print")
    with pytest.raises(PassageIndexError, match="built with another encoder"):
        load_index(tmp_path, encoder_id="other")


@pytest.mark.parametrize("spoil", ["one byte", "truncated", "empty"])
def test_a_changed_file_is_refused_before_it_is_unpickled(
    tmp_path: Path, at: Callable[[int], KnowledgeIndex], monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    path = save_index(at(1), tmp_path, "print") / "index.pickle"
    data = path.read_bytes()
    path.write_bytes({"one byte": bytes([data[0] ^ 1]) + data[1:], "truncated": data[:-9], "empty": b""}[spoil])

    def unpickled(_data: bytes) -> None:
        raise AssertionError("a file with another checksum was unpickled")

    monkeypatch.setattr(module.pickle, "loads", unpickled)
    with pytest.raises(PassageIndexError, match=r"corrupt \(checksum differs\): run `python -m knowledge build`"):
        load_index(tmp_path, encoder_id="words")


def test_a_missing_file_is_refused(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    (save_index(at(1), tmp_path, "print") / "index.pickle").unlink()
    with pytest.raises(PassageIndexError, match="incomplete"):
        load_index(tmp_path, encoder_id="words")


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_missing_or_corrupt_vectors_are_refused(
    tmp_path: Path, at: Callable[[int], KnowledgeIndex], content: bytes | None
) -> None:
    path = save_index(at(1), tmp_path, "print") / "vectors.faiss"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PassageIndexError, match="missing or corrupt"):
        load_index(tmp_path, encoder_id="words")


@pytest.mark.parametrize("manifest", ["", "{", "[]", json.dumps({"format": 0})])
def test_an_unusable_manifest_counts_as_no_index(
    tmp_path: Path, at: Callable[[int], KnowledgeIndex], manifest: str
) -> None:
    (save_index(at(1), tmp_path, "print") / "manifest.json").write_text(manifest, encoding="utf-8")
    assert read_manifest(tmp_path) is None
    with pytest.raises(PassageIndexError, match="no index has been built yet"):
        load_index(tmp_path, encoder_id="words")


def test_a_build_that_fails_leaves_the_old_one_and_no_rests(
    tmp_path: Path, at: Callable[[int], KnowledgeIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = save_index(at(1), tmp_path, "old")

    def full(_index: object) -> bytes:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.pickle, "dumps", full)
        with pytest.raises(OSError, match="no space"):
            save_index(at(2), tmp_path, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first.name, "current"])
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest["fingerprint"] == "old"
    assert load_index(tmp_path, encoder_id="words").built_at == at(1).built_at


def test_the_newest_build_is_current_and_two_are_kept(tmp_path: Path, at: Callable[[int], KnowledgeIndex]) -> None:
    builds = [save_index(at(minute), tmp_path, str(minute)) for minute in (1, 2, 3)]
    assert load_index(tmp_path, encoder_id="words").built_at == at(3).built_at
    assert [build.exists() for build in builds] == [False, True, True]
