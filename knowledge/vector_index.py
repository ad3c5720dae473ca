"""Nearest neighbours among passage and question vectors, in FAISS.

Exact search while it is fast enough; from `EXACT_LIMIT` vectors on, an inverted file takes over and says so.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from knowledge.errors import PassageIndexError

Vectors = npt.NDArray[np.float32]

#: Exact search over 384 dimensions stays below 5 ms on one core up to here. Source: `make bench`.
EXACT_LIMIT = 50_000
_log = logging.getLogger(__name__)


class VectorIndex:
    """Cosine search over unit vectors."""

    def __init__(self, index: faiss.Index) -> None:
        faiss.omp_set_num_threads(1)
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> VectorIndex:
        """Index unit vectors, shape (n, dimension), n >= 1."""
        faiss.omp_set_num_threads(1)
        dimension = vectors.shape[1]
        if len(vectors) <= EXACT_LIMIT:
            index: Any = faiss.IndexFlatIP(dimension)
        else:
            lists = int(4 * len(vectors) ** 0.5)
            _log.warning("%d vectors: searching an inverted file of %d lists instead of exactly", len(vectors), lists)
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
            index.cp.min_points_per_centroid = 1
            index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: lists * 40]])
            index.nprobe = 32
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> VectorIndex:
        """Load an index. Raises PassageIndexError when it is missing or corrupt."""
        try:
            return cls(faiss.read_index(str(path)))
        except RuntimeError as exc:
            raise PassageIndexError(f"the index file {path.name} is missing or corrupt: run `python -m knowledge build`") from exc

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        faiss.write_index(self._index, str(path))

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared."""
        return isinstance(faiss.downcast_index(self._index), faiss.IndexFlat)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vectors, top_k: int) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Return (positions, cosines) of the nearest vectors to one unit vector, best first."""
        cosines, positions = self._index.search(query.reshape(1, -1), min(top_k, len(self)))
        found = positions[0] >= 0
        return positions[0][found], cosines[0][found]
