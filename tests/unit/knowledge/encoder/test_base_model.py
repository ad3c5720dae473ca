"""Reading the packaged weights: 4-bit blocks, a trimmed vocabulary, and a clear word on broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.encoder.base_model import BaseModel, _dequantize, read_base_model, trim_vocabulary
from knowledge.errors import ModelError


def test_blocks_of_four_bits_are_scaled_and_laid_out_low_nibbles_first() -> None:
    block = np.zeros(1, dtype=np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))]))
    block["scale"] = 0.5
    block["nibbles"][0, 0] = 0xF0  # low 0 -> -8, high 15 -> 7
    block["nibbles"][0, 1:] = 0x88  # both 8 -> 0
    values = _dequantize(block.tobytes(), 32)
    assert values.shape == (1, 32)
    assert (values[0, 0], values[0, 16]) == (-4.0, 3.5)
    assert not values[0, 1:16].any()


def test_only_pieces_of_the_two_languages_are_kept_in_order() -> None:
    pieces = [("<s>", 0.0), ("▁mau", -1.0), ("привет", -1.0), ("😀", -1.0), ("猫", -1.0), ("</s>", 0.0), ("…", -2.0)]
    words = np.arange(14, dtype=np.float32).reshape(7, 2)
    model = BaseModel(
        {"vocab_size": 7, "pad_token_id": 5}, {"embeddings.word_embeddings.weight": words}, pieces, 0, 5, 5, 0
    )
    trimmed = trim_vocabulary(model)
    assert [piece for piece, _ in trimmed.pieces] == ["<s>", "▁mau", "😀", "</s>", "…"]
    assert trimmed.tensors["embeddings.word_embeddings.weight"].tolist() == words[[0, 1, 3, 5, 6]].tolist()
    assert (trimmed.eos, trimmed.config) == (3, {"vocab_size": 5, "pad_token_id": 3})


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no encoder weights at e5\.bin: run `make setup`"):
        read_base_model(tmp_path / "e5.bin")


@pytest.mark.parametrize("content", [b"", b"E5S1", b"PK\x03\x04" + b"x" * 100, b"E5S1" + b"\x00" * 40])
def test_a_corrupt_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e5.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"the encoder weights e5\.bin are corrupt"):
        read_base_model(path)
