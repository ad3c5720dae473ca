"""The shipped difference: written small, added back, and refused when it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.encoder.base_model import BaseModel, FloatArray
from knowledge.encoder.delta import merge_delta, write_delta
from knowledge.errors import ModelError

WORDS = "embeddings.word_embeddings.weight"


@pytest.fixture
def base() -> BaseModel:
    random = np.random.default_rng(0)
    tensors = {
        WORDS: random.standard_normal((5, 8)).astype(np.float32),
        "encoder.layer.0.attention.self.query.weight": random.standard_normal((64, 128)).astype(np.float32),
        "encoder.layer.0.attention.self.query.bias": random.standard_normal(8).astype(np.float32),
        "embeddings.token_type_embeddings.weight": random.standard_normal((2, 8)).astype(np.float32),
    }
    return BaseModel({"hidden_size": 8}, tensors, [], bos=0, eos=1, pad=2, unk=3)


def adapted(base: BaseModel, *, scale: float = 0.01) -> dict[str, FloatArray]:
    random = np.random.default_rng(1)
    changes = {n: random.standard_normal(t.shape).astype(np.float32) * scale for n, t in base.tensors.items()}
    return {name: tensor + changes[name] for name, tensor in base.tensors.items()}


def test_a_difference_comes_back_close_to_what_was_trained(base: BaseModel, tmp_path: Path) -> None:
    trained = adapted(base)
    write_delta(base, trained, tmp_path / "a.delta")
    merged = merge_delta(base, tmp_path / "a.delta")
    name = "encoder.layer.0.attention.self.query.weight"
    before = np.square(trained[name] - base.tensors[name]).sum()
    left = np.square(trained[name] - merged.tensors[name]).sum()
    assert left < 0.15 * before  # four levels a row keep about 88 % of a normal difference
    for name in ("encoder.layer.0.attention.self.query.bias", "embeddings.token_type_embeddings.weight"):
        assert np.allclose(merged.tensors[name], trained[name], atol=1e-4)


def test_word_embeddings_stay_as_they_were(base: BaseModel, tmp_path: Path) -> None:
    write_delta(base, adapted(base), tmp_path / "a.delta")
    assert merge_delta(base, tmp_path / "a.delta").tensors[WORDS] is base.tensors[WORDS]


def test_the_base_is_not_changed(base: BaseModel, tmp_path: Path) -> None:
    before = {name: tensor.copy() for name, tensor in base.tensors.items()}
    write_delta(base, adapted(base), tmp_path / "a.delta")
    merge_delta(base, tmp_path / "a.delta")
    assert all(np.array_equal(before[name], base.tensors[name]) for name in before)


def test_no_difference_changes_nothing_to_speak_of(base: BaseModel, tmp_path: Path) -> None:
    write_delta(base, base.tensors, tmp_path / "a.delta")
    merged = merge_delta(base, tmp_path / "a.delta")
    assert all(np.allclose(merged.tensors[name], tensor, atol=1e-6) for name, tensor in base.tensors.items())


def test_the_same_training_gives_the_same_file(base: BaseModel, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_delta(base, adapted(base), tmp_path / name)
    first, second = (merge_delta(base, tmp_path / name).tensors for name in ("a", "b"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_missing_file_says_what_to_do(base: BaseModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a\.delta is missing: check it out again, or make it with"):
        merge_delta(base, tmp_path / "a.delta")


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_refused(base: BaseModel, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.delta"
    write_delta(base, adapted(base), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"a\.delta is corrupt or made for another model"):
        merge_delta(base, path)


def test_garbage_is_refused(base: BaseModel, tmp_path: Path) -> None:
    path = tmp_path / "a.delta"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match="corrupt or made for another model"):
        merge_delta(base, path)


@pytest.mark.parametrize("change", ["fewer tensors", "another shape"])
def test_a_difference_of_another_model_is_refused(base: BaseModel, tmp_path: Path, change: str) -> None:
    write_delta(base, adapted(base), tmp_path / "a.delta")
    tensors = dict(base.tensors)
    name = "encoder.layer.0.attention.self.query.weight"
    if change == "fewer tensors":
        del tensors[name]
    else:
        tensors[name] = tensors[name][:, :64]
    other = BaseModel(base.config, tensors, [], 0, 1, 2, 3)
    with pytest.raises(ModelError, match="corrupt or made for another model"):
        merge_delta(other, tmp_path / "a.delta")
