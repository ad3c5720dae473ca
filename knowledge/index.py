"""The built knowledge base: passages, vectors and fitted rankers, in one folder that is replaced as a whole.

`var/index/<stamp>/` holds a build and `var/index/current` names it, so that a reader never sees half a build and a
failed build leaves the old one in place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.contact import ContactBook
from knowledge.conversation import FollowUpGate
from knowledge.errors import PassageIndexError
from knowledge.lexical import Bm25
from knowledge.passage import Passage
from knowledge.ranking import TopicRanker
from knowledge.scope import ScopeClassifier
from knowledge.vector_index import VectorIndex, Vectors

#: Raise when what is stored changes shape: older builds are then made again.
FORMAT = 2
_KEPT_BUILDS = 2


@dataclass(frozen=True, slots=True)
class PassageSearch:
    """Finds the passage within a topic: vectors of titles and bodies by language, and BM25 over the same texts.

    Attributes:
        keys: (passage position, language) of each row.
        titles, bodies: float32, shape (rows, dimension).
    """

    keys: Sequence[tuple[int, str]]
    titles: Vectors
    bodies: Vectors
    words: Bm25


@dataclass(frozen=True, slots=True)
class KnowledgeIndex:
    """Everything that answering needs, for one encoder."""

    encoder_id: str
    built_at: dt.datetime
    passages: Sequence[Passage]
    contacts: ContactBook
    topic_titles: dict[str, dict[str, str]]
    ranker: TopicRanker
    passage_search: PassageSearch
    scope: ScopeClassifier
    gate: FollowUpGate
    #: Least probability of the likeliest topic at which its passage is shown without asking back.
    clear_threshold: float
    #: Vectors of what the centre's own passages answer, shape (n, dimension); n is 0 without an overlay.
    local_vectors: Vectors


def save_index(index: KnowledgeIndex, folder: Path, fingerprint: str) -> Path:
    """Write a build beside the current one, then make it current in one step; returns its folder."""
    stamp = index.built_at.strftime("%Y%m%dT%H%M%S%f")
    building, finished = folder / f".{stamp}", folder / stamp
    building.mkdir(parents=True)
    try:
        index.ranker.index.save(building / "vectors.faiss")
        data = pickle.dumps(_without_vectors(index))
        (building / "index.pickle").write_bytes(data)
        manifest = {
            "format": FORMAT,
            "encoder": index.encoder_id,
            "fingerprint": fingerprint,
            "built_at": index.built_at.isoformat(),
            "passages": len(index.passages),
            "vectors": len(index.ranker.index),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        (building / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        building.rename(finished)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    pointer = folder / ".current"
    pointer.write_text(stamp, encoding="utf-8")
    pointer.replace(folder / "current")
    for old in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0].isdigit())[:-_KEPT_BUILDS]:
        shutil.rmtree(old, ignore_errors=True)
    return finished


def load_index(folder: Path, *, encoder_id: str) -> KnowledgeIndex:
    """Load the current build.

    Raises:
        PassageIndexError: There is none, it is corrupt, or it was made with another encoder; says what to do.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise PassageIndexError("no index has been built yet: run `python -m knowledge build`")
    if manifest["encoder"] != encoder_id:
        raise PassageIndexError("the index was built with another encoder: run `python -m knowledge build`")
    build = folder / str(manifest["build"])
    try:
        data = (build / "index.pickle").read_bytes()
    except OSError as exc:
        raise PassageIndexError("the index is incomplete: run `python -m knowledge build`") from exc
    # The checksum also keeps anything but our own build from being unpickled by accident.
    if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
        raise PassageIndexError("the index is corrupt (checksum differs): run `python -m knowledge build`")
    index: KnowledgeIndex = pickle.loads(data)  # noqa: S301 (our own file, checksum verified)
    index.ranker.index = VectorIndex.load(build / "vectors.faiss")
    return index


def read_manifest(folder: Path) -> dict[str, object] | None:
    """Return the current build's manifest with its folder name under `build`; None when there is no usable one."""
    try:
        stamp = (folder / "current").read_text(encoding="utf-8").strip()
        manifest = json.loads((folder / stamp / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return None
    return {**manifest, "build": stamp}


def _without_vectors(index: KnowledgeIndex) -> KnowledgeIndex:
    """FAISS keeps its own file; everything else is pickled."""
    ranker = object.__new__(TopicRanker)
    ranker.__dict__.update({**index.ranker.__dict__, "index": None})
    return KnowledgeIndex(
        index.encoder_id,
        index.built_at,
        index.passages,
        index.contacts,
        index.topic_titles,
        ranker,
        index.passage_search,
        index.scope,
        index.gate,
        index.clear_threshold,
        index.local_vectors,
    )
