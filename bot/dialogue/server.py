"""Knows how Rasa is trained, started and asked for its health. It lives in an environment of its own (.venv-rasa).

`bot/bootstrap.py` runs the command as a child process; set-up calls `train_if_stale`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx

from bot.errors import ConfigError

MODEL_NAME = "pendamping"
RASA_VERSION = "3.6.21"
DEFAULT_ACTIONS_URL = "http://127.0.0.1:5055"

# What the model is made of. training_data/tests stays out: it is what the model is measured with.
DATA = ("training_data/nlu", "training_data/stories", "training_data/rules.yml")
DOMAIN = "training_data/domain"
TRAINED_FROM = ("config.yml", DOMAIN, *DATA)

_ENVIRONMENT = {
    "RASA_TELEMETRY_ENABLED": "false",
    # At INFO or DEBUG Rasa writes utterances into its log.
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
    "LOG_LEVEL_RASA_CORE": "WARNING",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    # Spinning threads cost more than they bring on two busy cores.
    "OMP_NUM_THREADS": "1",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # glibc keeps one heap a thread otherwise: some 100 MB more for nothing.
    "MALLOC_ARENA_MAX": "2",
    "SANIC_WORKERS": "1",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "MPLBACKEND": "Agg",
}


def python_of(root: Path) -> Path:
    """Return the interpreter of Rasa's environment."""
    return root / ".venv-rasa" / "bin" / "python"


def models_dir(root: Path) -> Path:
    """Return the folder of the trained model."""
    return root / "var" / "rasa-models"


def model_path(root: Path) -> Path:
    """Return where the trained model stands."""
    return models_dir(root) / f"{MODEL_NAME}.tar.gz"


def rasa_environment(*, actions_url: str = DEFAULT_ACTIONS_URL) -> dict[str, str]:
    """Return the variables that Rasa needs beside the ordinary ones."""
    return {**_ENVIRONMENT, "PENDAMPING_ACTIONS_WEBHOOK": f"{actions_url.rstrip('/')}/webhook"}


def rasa_command(*, root: Path, port: int) -> list[str]:
    """Return the command that serves the trained model on loopback; it may be started in any folder."""
    script = root / "bot" / "rasa_components" / "serve.py"
    return [
        *(str(python_of(root)), str(script)),
        *("--root", str(root), "--model", str(model_path(root)), "--port", str(port)),
    ]


def health_url(port: int) -> str:
    """Return the address that answers 200 once the model is loaded."""
    return f"http://127.0.0.1:{port}/status"


async def is_healthy(port: int) -> bool:
    """Return whether Rasa can answer."""
    try:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            return (await http.get(health_url(port))).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def fingerprint(root: Path) -> str:
    """Return a hash of everything the model is trained from."""
    digest = hashlib.sha256(RASA_VERSION.encode())
    for name in TRAINED_FROM:
        path = root / name
        for file in sorted(path.rglob("*.yml")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(root)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def is_stale(root: Path) -> bool:
    """Return whether the model is missing or was trained from something else."""
    try:
        return not model_path(root).exists() or _stamp(root).read_text().strip() != fingerprint(root)
    except OSError:
        return True


def train_if_stale(progress: Callable[[str], None], *, root: Path) -> Path:
    """Train the model unless it is up to date; returns where it stands.

    Safe to interrupt and to repeat: the old model stays until the new one is complete. Two callers at once wait for
    each other.

    Args:
        progress: Gets a line now and then while training goes on.

    Raises:
        ConfigError: Rasa's environment is missing, or training failed; says how to see more.
    """
    if not python_of(root).exists():
        raise ConfigError(f"Rasa's environment is missing: expected {python_of(root)}. Run `make setup`.")
    models_dir(root).mkdir(parents=True, exist_ok=True)
    with _alone(models_dir(root) / ".lock"):
        if not is_stale(root):
            progress("dialogue model: up to date")
            return model_path(root)
        before = fingerprint(root)
        _train(progress, root)
        _stamp(root).write_text(before + "\n")
    return model_path(root)


def _train(progress: Callable[[str], None], root: Path) -> None:
    command = [str(python_of(root)), "-m", "rasa", "train", "--config", "config.yml", "--domain", DOMAIN]
    command += ["--data", *DATA, "--fixed-model-name", MODEL_NAME, "--out", str(models_dir(root))]
    # Artificial longer conversations (the default) make TED slow to train; rules and memoization decide most turns.
    command += ["--augmentation", "0"]
    environment: Mapping[str, str] = {
        **rasa_environment(),
        "RASA_CACHE_DIRECTORY": str(models_dir(root) / "cache"),
        "LOG_LEVEL": "ERROR",
    }
    started = time.monotonic()
    output: deque[str] = deque(maxlen=25)
    log = models_dir(root) / "training.log"
    with log.open("w+", encoding="utf-8") as sink:
        # `env` adds to the inherited variables without reading them here.
        child = subprocess.Popen(
            ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), *command],
            cwd=root,
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while True:
                try:
                    code = child.wait(timeout=10.0)
                    break
                except subprocess.TimeoutExpired:
                    progress(f"dialogue model: training, {time.monotonic() - started:.0f} s (about 2 minutes)")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        sink.seek(0)
        output.extend(line.rstrip() for line in sink if line.strip())
    if code != 0 or not model_path(root).exists():
        raise ConfigError(f"Training the dialogue model failed (see {log}):\n" + "\n".join(output))
    progress(f"dialogue model: trained in {time.monotonic() - started:.0f} s")


def _stamp(root: Path) -> Path:
    return models_dir(root) / f"{MODEL_NAME}.sha256"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
