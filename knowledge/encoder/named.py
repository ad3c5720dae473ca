"""Any sentence-transformers model in place of the shipped encoder, for retrieval only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from knowledge.errors import ModelError


class NamedEncoder:
    """Serves a model from a hub or a folder with sentence-transformers, on one thread."""

    def __init__(self, name: str) -> None:
        """Load the model. Raises ModelError when it can't be found or fetched."""
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        try:
            self._model = SentenceTransformer(name, device="cpu")
        except Exception as exc:  # hubs raise errors of many libraries
            raise ModelError(
                f"PENDAMPING_ENCODER: '{name}' can't be loaded ({type(exc).__name__}): check the name and the connection,"
                " or leave it at 'embedded'"
            ) from exc
        self.model_id = name
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self._prefix = "query: " if "e5" in name.lower() else ""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dimension)."""
        prefixed = [self._prefix + text for text in texts]
        vectors = self._model.encode(prefixed, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)
