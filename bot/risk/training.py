"""Fits the risk model and its thresholds from training_data/risk; run by set-up, in about a minute on one core."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bot.risk.assessment import RiskLevel
from bot.risk.everyday import everyday_messages
from bot.risk.model import RiskModel, Vectors
from bot.risk.screen import Thresholds
from knowledge.dataset import Part, RiskMessage, read_risk_messages
from knowledge.encoder.bulk import encode_many
from knowledge.encoder.serving import Encoder
from knowledge.language import NormalizedText, Normalizer

#: Shares of ordinary and look-alike messages that the model may page by mistake, on the tune part. For ordinary ones most
#: of what the product allows (2 %), although the tune part holds blocks of near-twins of danger. Source: docs/risk.md.
_FALSE_PAGES, _FALSE_PAGES_LOOK_ALIKE = 0.018, 0.095
#: Share of dangerous tune messages that the model alone may leave without page or question; the lexicon hears some of
#: these, and the tune part is harder than what both other parts hold. Asking for more costs people who are well more
#: questions than it finds danger.
_UNHEARD = 0.045
#: Share of dangerous tune messages below which the model contradicts a lexicon match that is not sure; few of them have
#: such a match. It spares half of the look-alikes with one ("OD kerjaan") the question.
_CALM = 0.015
#: Everyday questions beside the 9,800 messages: enough of them to be heard, few enough for a quick set-up.
_EVERYDAY = 5_000
LOOK_ALIKE_STYLES = {"idiom", "quote", "info_question"}


def fit_if_stale(
    data_dir: Path,
    questions_dir: Path,
    model_file: Path,
    encoder: Encoder,
    normalizer: Normalizer,
    *,
    say: Callable[[str], None],
) -> bool:
    """Fit and replace the model file unless data, code and encoder are unchanged; returns whether it did.

    Args:
        data_dir: Messages with risk labels.
        questions_dir: Questions to the knowledge base, for everyday traffic.
    """
    wanted = _fingerprint(data_dir, questions_dir, encoder.model_id)
    stamp = model_file.with_suffix(".fingerprint")
    if model_file.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    say("fitting the risk screen")
    train = read_risk_messages(data_dir, Part.TRAIN)
    train += everyday_messages(questions_dir, Part.TRAIN, at_most=_EVERYDAY)
    tune = read_risk_messages(data_dir, Part.TUNE) + everyday_messages(questions_dir, Part.TUNE)
    fitted = fit(train, tune, encoder, normalizer)
    model_file.parent.mkdir(parents=True, exist_ok=True)
    temporary = model_file.with_suffix(".new")
    temporary.write_bytes(pickle.dumps(fitted))
    temporary.replace(model_file)
    stamp.write_text(wanted, encoding="utf-8")
    return True


def fit(
    train: Sequence[RiskMessage], tune: Sequence[RiskMessage], encoder: Encoder, normalizer: Normalizer
) -> tuple[RiskModel, Thresholds]:
    """Return a model fitted on `train`, calibrated on `tune`, with thresholds set on `tune`."""
    model = RiskModel()
    texts, vectors = _read(train, encoder, normalizer)
    model.fit(texts, vectors, train)
    texts, vectors = _read(tune, encoder, normalizer)
    model.fit_final(texts, vectors, [message.level for message in tune])
    danger = np.array([model.predict(text, vector).danger for text, vector in zip(texts, vectors, strict=True)])
    return model, choose_thresholds(danger, tune)


def choose_thresholds(danger: np.ndarray[tuple[int], np.dtype[np.float64]], tune: Sequence[RiskMessage]) -> Thresholds:
    """Return the lowest page threshold that keeps false pages within their shares, and the highest ask threshold
    that leaves no more danger unheard than allowed.
    """
    harmless = np.array([message.level == 0 for message in tune])
    look_alike = harmless & np.array([message.style in LOOK_ALIKE_STYLES for message in tune])
    ordinary = harmless & ~look_alike
    page = max(_quantile(danger[ordinary], _FALSE_PAGES), _quantile(danger[look_alike], _FALSE_PAGES_LOOK_ALIKE))
    dangerous = danger[np.array([message.level >= RiskLevel.URGENT for message in tune])]
    ask = min(float(np.quantile(dangerous, _UNHEARD)) if len(dangerous) else page, page)
    calm = float(np.quantile(dangerous, _CALM)) if len(dangerous) else 0.0
    return Thresholds(page=page, ask=ask, calm=min(calm, ask))


def _quantile(values: np.ndarray[tuple[int], np.dtype[np.float64]], share_above: float) -> float:
    return float(np.quantile(values, 1 - share_above)) + 1e-6 if len(values) else 0.0


def _read(
    messages: Sequence[RiskMessage], encoder: Encoder, normalizer: Normalizer
) -> tuple[list[NormalizedText], Vectors]:
    texts = [normalizer.normalize(message.text) for message in messages]
    return texts, encode_many(encoder, [text.text for text in texts], "risk")


def _fingerprint(data_dir: Path, questions_dir: Path, encoder_id: str) -> str:
    digest = hashlib.sha256(encoder_id.encode())
    knowledge = Path(__file__).resolve().parents[2] / "knowledge"
    files = [*data_dir.rglob("*.jsonl"), *questions_dir.rglob("*.jsonl"), *(knowledge / "language").glob("*.[tp]*")]
    files += [Path(__file__).with_name(name) for name in ("everyday.py", "lexicon.yaml", "model.py", "training.py")]
    files += [knowledge / name for name in ("lexical.py", "linear.py")]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
