"""Makes the serving model's folder out of the packaged base weights and the shipped difference."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from knowledge.encoder.base_model import packaged_weights, read_base_model, tokenizer_json, trim_vocabulary
from knowledge.encoder.delta import merge_delta
from knowledge.encoder.export import export_serving_model
from knowledge.encoder.serving import MODEL_FILE, TOKENIZER_FILE

#: What training has changed, as shipped.
DELTA_FILE = Path(__file__).with_name("adapted.delta")


def serving_id() -> str:
    """Return a name for the serving model that changes with its inputs and the code that makes it."""
    digest = hashlib.sha256(DELTA_FILE.read_bytes() if DELTA_FILE.exists() else b"base")
    for name in ("base_model.py", "export.py", "delta.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    digest.update(str(packaged_weights().stat().st_size).encode())
    return f"embedded-{digest.hexdigest()[:16]}"


def make_if_stale(folder: Path) -> bool:
    """Build the serving model unless the folder holds the current one; returns whether it built.

    Raises:
        ModelError: The packaged weights or the shipped difference are missing or corrupt.
    """
    wanted = serving_id()
    marker = folder / "model_id"
    complete = all((folder / name).exists() for name in (MODEL_FILE, TOKENIZER_FILE, "model_id"))
    if complete and marker.read_text(encoding="utf-8") == wanted:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    model = trim_vocabulary(read_base_model(packaged_weights()))
    if DELTA_FILE.exists():
        model = merge_delta(model, DELTA_FILE)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        building = Path(temporary) / "encoder"
        building.mkdir()
        export_serving_model(model, building / MODEL_FILE)
        tokenizer_json(model, building / TOKENIZER_FILE)
        (building / "model_id").write_text(wanted, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    return True
