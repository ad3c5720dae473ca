"""What set-up builds for the gateway: the fitted risk screen and the trained dialogue model; both only when stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.dialogue.server import train_if_stale
from bot.risk.training import fit_if_stale
from knowledge.encoder.serving import OnnxEncoder
from knowledge.language import load_normalizer

ROOT = Path(__file__).resolve().parent.parent


def build_screen(data_dir: Path, say: Callable[[str], None]) -> None:
    """Fit the risk screen to the encoder in the data folder. Raises ModelError when that is missing."""
    done = fit_if_stale(
        ROOT / "training_data" / "risk",
        ROOT / "knowledge" / "questions",
        data_dir / "risk" / "model.pickle",
        OnnxEncoder(data_dir / "encoder"),
        load_normalizer(),
        say=say,
    )
    say("risk screen: fitted" if done else "risk screen: up to date")


def build_dialogue(say: Callable[[str], None]) -> None:
    """Train the dialogue model in Rasa's environment. Raises ConfigError when that is missing."""
    train_if_stale(say, root=ROOT)
    say("dialogue model: in place")
