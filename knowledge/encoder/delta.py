"""The trained difference between the adapted and the base encoder, small enough to keep in the repository.

Each weight's difference is stored as one of four levels a row (two bits and one scale), which for the bell-shaped
differences that fine-tuning leaves keeps 88 % of their energy (Lloyd-Max quantiser); vectors (biases, layer norms)
are stored as fp16. `make evaluate` compares the merged encoder with the trained one.
"""

from __future__ import annotations

import io
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.encoder.base_model import BaseModel
from knowledge.errors import ModelError

#: Optimal four-level quantiser of a unit normal. Source: Max, J. (1960), Quantizing for minimum distortion.
_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], dtype=np.float32)
_EDGES = np.array([-0.9816, 0.0, 0.9816], dtype=np.float32)


def write_delta(base: BaseModel, adapted: dict[str, Any], path: Path) -> None:
    """Store `adapted - base` for every tensor but the word embeddings, which training leaves as they are."""
    arrays: dict[str, Any] = {}
    for name, before in base.tensors.items():
        if name == "embeddings.word_embeddings.weight":
            continue
        difference = adapted[name] - before
        if difference.ndim == 1 or len(difference) < 3:
            arrays[f"v:{name}"] = difference.astype(np.float16)
            continue
        scale = difference.std(axis=1, keepdims=True) + 1e-12
        codes = np.digitize(difference / scale, _EDGES).astype(np.uint8).reshape(-1, 4)
        packed = codes[:, 0] | codes[:, 1] << 2 | codes[:, 2] << 4 | codes[:, 3] << 6
        arrays[f"q:{name}"] = packed
        arrays[f"s:{name}"] = scale[:, 0].astype(np.float16)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(lzma.compress(buffer.getvalue(), preset=6))


def merge_delta(base: BaseModel, path: Path) -> BaseModel:
    """Return the base model with a stored difference added.

    Raises:
        ModelError: The file is missing, corrupt, or made for another base model.
    """
    try:
        with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        tensors = dict(base.tensors)
        for key, values in stored.items():
            kind, name = key.split(":", 1)
            before = tensors[name]
            if kind == "v":
                tensors[name] = before + values.astype(np.float32)
            elif kind == "q":
                codes = np.stack([values >> shift & 3 for shift in (0, 2, 4, 6)], axis=1).reshape(before.shape)
                tensors[name] = before + _LEVELS[codes] * stored[f"s:{name}"].astype(np.float32)[:, None]
    except FileNotFoundError as exc:
        raise ModelError(f"{path.name} is missing: check it out again, or make it with `python -m knowledge train`") from exc
    except (lzma.LZMAError, KeyError, ValueError, OSError) as exc:
        raise ModelError(f"{path.name} is corrupt or made for another model: check it out again") from exc
    return replace(base, tensors=tensors)
