"""The serving graph of a tiny encoder: unit vectors, the same as the plain arithmetic gives."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from knowledge.encoder.base_model import BaseModel, FloatArray, tokenizer_json
from knowledge.encoder.export import build_graph, export_serving_model
from knowledge.encoder.serving import MAX_TOKENS, MODEL_FILE, TOKENIZER_FILE, OnnxEncoder
from knowledge.errors import ModelError

HIDDEN, FEED_FORWARD, HEADS = 8, 16, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁query", ":", "▁mau", "▁pulang", "▁sakau", "▁ya"]


@pytest.fixture(scope="module")
def model() -> BaseModel:
    random = np.random.default_rng(0)

    def weights(*shape: int) -> FloatArray:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    layer = "encoder.layer.0."
    tensors = {
        "embeddings.word_embeddings.weight": weights(len(PIECES), HIDDEN),
        "embeddings.position_embeddings.weight": weights(MAX_TOKENS, HIDDEN),
        "embeddings.token_type_embeddings.weight": weights(2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for name in norms:
        tensors |= {f"{name}.weight": 1 + weights(HIDDEN), f"{name}.bias": weights(HIDDEN)}
    linear = {f"{layer}attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
    linear[f"{layer}attention.output.dense"] = (HIDDEN, HIDDEN)
    linear[f"{layer}intermediate.dense"] = (FEED_FORWARD, HIDDEN)
    linear[f"{layer}output.dense"] = (HIDDEN, FEED_FORWARD)
    for name, shape in linear.items():
        tensors |= {f"{name}.weight": weights(*shape), f"{name}.bias": weights(shape[0])}
    config = {
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_hidden_layers": 1,
        "layer_norm_eps": 1e-12,
        "vocab_size": len(PIECES),
    }
    return BaseModel(config, tensors, [(piece, -1.0) for piece in PIECES], bos=0, pad=1, eos=2, unk=3)


def embed(model: BaseModel, ids: list[int], mask: list[int]) -> FloatArray:
    session = onnxruntime.InferenceSession(build_graph(model).SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"input_ids": np.array([ids], dtype=np.int64), "attention_mask": np.array([mask], dtype=np.int64)}
    result: FloatArray = session.run(None, inputs)[0][0]
    return result


def by_hand(model: BaseModel, ids: list[int]) -> FloatArray:
    """Compute the same in numpy, without a mask."""
    t = model.tensors

    def norm(x: FloatArray, name: str) -> FloatArray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * t[f"{name}.weight"] + t[f"{name}.bias"]

    def linear(x: FloatArray, name: str) -> FloatArray:
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    layer, size = "encoder.layer.0.", HIDDEN // HEADS
    x = t["embeddings.word_embeddings.weight"][ids] + t["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + t["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    parts = []
    for head in range(HEADS):
        columns = slice(head * size, (head + 1) * size)
        q, k, v = (linear(x, f"{layer}attention.self.{part}")[:, columns] for part in ("query", "key", "value"))
        scores = np.exp(q @ k.T / size**0.5)
        parts.append(scores / scores.sum(axis=1, keepdims=True) @ v)
    attended = linear(np.concatenate(parts, axis=1), f"{layer}attention.output.dense")
    x = norm(x + attended, f"{layer}attention.output.LayerNorm")
    inner = linear(x, f"{layer}intermediate.dense")
    erf = np.vectorize(__import__("math").erf)
    outer = linear(inner * (1 + erf(inner / 2**0.5)) / 2, f"{layer}output.dense")
    mean = norm(x + outer, f"{layer}output.LayerNorm").mean(axis=0)
    result: FloatArray = mean / np.linalg.norm(mean)
    return result


def test_the_graph_computes_what_bert_computes(model: BaseModel) -> None:
    ids = [0, 5, 6, 7, 8, 2]
    assert np.allclose(embed(model, ids, [1] * 6), by_hand(model, ids), atol=1e-5)


def test_padding_changes_nothing(model: BaseModel) -> None:
    ids = [0, 5, 6, 9, 2]
    assert np.allclose(embed(model, [*ids, 1, 1, 1], [1] * 5 + [0] * 3), embed(model, ids, [1] * 5), atol=1e-5)


@pytest.fixture(scope="module")
def folder(model: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder")
    export_serving_model(model, path / MODEL_FILE)
    tokenizer_json(model, path / TOKENIZER_FILE)
    (path / "model_id").write_text("tiny\n", encoding="utf-8")
    return path


def test_the_served_encoder_gives_unit_vectors_close_to_the_full_ones(model: BaseModel, folder: Path) -> None:
    encoder = OnnxEncoder(folder)
    vectors = encoder.encode(["mau pulang", "sakau ya"])
    assert (encoder.model_id, encoder.dimension, vectors.shape) == ("tiny", HIDDEN, (2, HIDDEN))
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    assert vectors[0] @ by_hand(model, [0, 5, 6, 7, 8, 2]) > 0.98


@pytest.mark.parametrize("text", ["", "😀", "zzz", "sakau " * 5_000])
def test_any_text_is_encoded(folder: Path, text: str) -> None:
    assert np.isfinite(OnnxEncoder(folder).encode([text])).all()


def test_no_texts_give_no_vectors(folder: Path) -> None:
    assert OnnxEncoder(folder).encode([]).shape == (0, HIDDEN)


def test_exporting_leaves_the_log_level_as_it_was(model: BaseModel, tmp_path: Path) -> None:
    before = logging.getLogger().level
    export_serving_model(model, tmp_path / MODEL_FILE)
    assert logging.getLogger().level == before


@pytest.mark.parametrize("missing", [MODEL_FILE, TOKENIZER_FILE, "model_id"])
def test_a_missing_file_says_what_to_do(folder: Path, tmp_path: Path, missing: str) -> None:
    for path in folder.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match=r"can't be loaded .*: run `make setup`"):
        OnnxEncoder(tmp_path)


def test_a_corrupt_model_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data[: len(data) // 2] if path.name == MODEL_FILE else data)
    with pytest.raises(ModelError, match="run `make setup`"):
        OnnxEncoder(tmp_path)
