"""The encoder as the running assistant uses it: text in, unit vectors out, on one thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from knowledge.errors import ModelError

Vectors = npt.NDArray[np.float32]

MODEL_FILE = "encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"
#: Longer texts are cut: a question's topic and an utterance's risk show in windows of this many tokens.
MAX_TOKENS = 96


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    model_id: str
    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors, shape (len(texts), dimension), L2-normalised."""
        ...


class OnnxEncoder:
    """Serves the int8 graph with onnxruntime. One thread: on a busy two-core host more only make each other wait."""

    def __init__(self, folder: Path) -> None:
        """Load a folder made by `python -m knowledge build`.

        Raises:
            ModelError: A file is missing or corrupt.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
            )
            self.model_id = (folder / "model_id").read_text(encoding="utf-8").strip()
        except Exception as exc:  # onnxruntime and tokenizers raise bare Exceptions of their own
            raise ModelError(f"the encoder in {folder.name}/ can't be loaded ({type(exc).__name__}): run `make setup`") from exc
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self.dimension: int = self._session.get_outputs()[0].shape[1]
        self._one = lru_cache(maxsize=2_000)(self._encode_one)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, one text at a time (padding would cost more than batching gains on one core)."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([self._one(text) for text in texts])

    def _encode_one(self, text: str) -> Vectors:
        ids = np.array([self._tokenizer.encode(f"query: {text}").ids], dtype=np.int64)
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        result: Vectors = vectors[0]
        return result
