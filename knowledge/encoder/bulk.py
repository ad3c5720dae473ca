"""Encodes many texts for building and fitting: with a progress bar, and on every core, unlike a single query."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from knowledge.encoder.serving import Encoder, Vectors


def encode_many(encoder: Encoder, texts: Sequence[str], title: str) -> Vectors:
    """Return unit vectors of texts, shape (texts, dimension). Equal texts are encoded once."""
    different = list(dict.fromkeys(texts))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        encoded = pool.map(lambda text: encoder.encode([text])[0], different)
        found = dict(
            zip(different, tqdm(encoded, desc=title, total=len(different), unit="text", leave=False, disable=None), strict=True)
        )
    return np.stack([found[text] for text in texts]) if texts else np.empty((0, encoder.dimension), np.float32)
