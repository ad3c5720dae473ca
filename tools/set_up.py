"""Sets up everything that Pendamping needs, from a fresh clone: two environments, models and the index.

Runs on any Python 3.9 or newer with nothing installed (the Makefile calls it). Every step says what it does, is
skipped when its inputs have not changed, and can be interrupted and repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP_VERSIONS = ((3, 11), (3, 12), (3, 13))
RASA_VERSIONS = ((3, 10),)
_print_lock = threading.Lock()


class SetUpError(Exception):
    """Something is missing that the set-up can't provide; the message says what to do."""


def say(text: str) -> None:
    """Print one progress line at once."""
    with _print_lock:
        print(f"[set-up {time.strftime('%H:%M:%S')}] {text}", flush=True)


def find_python(versions: tuple[tuple[int, int], ...]) -> Path:
    """Return an interpreter of one of the versions: PATH, pyenv's folder, `uv python find`, `uv python install`.

    Raises:
        SetUpError: None is found and none can be fetched.
    """
    for version in versions:
        name = f"python{version[0]}.{version[1]}"
        candidates = [Path(found) for found in [shutil.which(name)] if found]
        if sys.version_info[:2] == version:
            candidates.insert(0, Path(sys.executable))
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        candidates += sorted(pyenv.glob(f"{version[0]}.{version[1]}.*/bin/python"), reverse=True)
        for candidate in candidates:
            if _is_version(candidate, version):
                return candidate
    uv = shutil.which("uv")
    for command in ("find", "install") if uv else ():
        for version in versions:
            name = f"{version[0]}.{version[1]}"
            if command == "install":
                say(f"fetching Python {name} with uv")
                subprocess.run([str(uv), "python", "install", name], check=False)
            found = subprocess.run([str(uv), "python", "find", name], capture_output=True, text=True, check=False)
            path = Path(found.stdout.strip())
            if found.returncode == 0 and _is_version(path, version):
                return path
    wanted = " or ".join(f"{major}.{minor}" for major, minor in versions)
    raise SetUpError(
        f"Python {wanted} was not found on PATH, in pyenv's versions folder, or through uv. "
        f"Install it (for instance `pyenv install {versions[0][0]}.{versions[0][1]}` or `pip install uv`) and run this again."
    )


def _is_version(python: Path, version: tuple[int, int]) -> bool:
    if not python.exists():
        return False
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    # A pyenv shim exists for versions that are not active; only running it tells.
    result = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return result.returncode == 0 and result.stdout.strip() == f"{version[0]}.{version[1]}"


class Environment:
    """One virtual environment, kept in step with its lock files."""

    def __init__(self, folder: str, versions: tuple[tuple[int, int], ...], locks: list[str]) -> None:
        self.folder = ROOT / folder
        self.versions = versions
        self.locks = [ROOT / "requirements" / lock for lock in locks]

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    def prepare(self) -> None:
        """Create or update the environment if its stamp is older than its lock files."""
        wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in self.locks)).hexdigest()
        stamp = self.folder / ".pendamping"
        name = self.folder.name
        installed = stamp.read_text().split() if stamp.exists() and self.python.exists() else []
        if wanted in installed:
            say(f"{name}: up to date")
            return
        if not self.python.exists():
            python = find_python(self.versions)
            say(f"{name}: creating it with {python.name} ({'.'.join(map(str, self._version_of(python)))})")
            shutil.rmtree(self.folder, ignore_errors=True)
            self._run([str(python), "-m", "venv", str(self.folder)])
        say(f"{name}: installing {', '.join(lock.name for lock in self.locks)}; minutes the first time")
        pip = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        if not sys.stdout.isatty():
            pip += ["--quiet", "--progress-bar", "off"]
        for lock in self.locks:
            # The locks are complete, so pip need not resolve anything; it only fetches and unpacks.
            self._run([*pip, "--no-deps", "-r", str(lock)])
        stamp.write_text("\n".join([*installed, wanted]))
        say(f"{name}: ready")

    def _version_of(self, python: Path) -> tuple[int, int]:
        code = "import sys; print(*sys.version_info[:2])"
        found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
        major, minor = map(int, found.stdout.split())
        return major, minor

    def _run(self, command: list[str]) -> None:
        result = subprocess.run(command, check=False, cwd=ROOT)
        if result.returncode != 0:
            raise SetUpError(
                f"`{' '.join(Path(part).name if part.startswith('/') else part for part in command[:6])} ...` failed "
                f"(exit {result.returncode}); its own message stands above. Mend that and run the same command again."
            )


def main() -> int:
    """Prepare both environments side by side, then build models and index; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also install what the tests and checks need")
    parser.add_argument("--train", action="store_true", help="also install what adapting the encoder needs")
    arguments = parser.parse_args()
    locks = ["app.txt"] + (["dev.txt"] if arguments.dev else []) + (["train.txt"] if arguments.train else [])
    app = Environment(".venv", APP_VERSIONS, locks)
    rasa = Environment(".venv-rasa", RASA_VERSIONS, ["rasa.txt"])
    errors: list[Exception] = []

    def prepare(environment: Environment) -> None:
        try:
            environment.prepare()
        except Exception as exc:  # reported by the main thread
            errors.append(exc)

    def build(*commands: tuple[str, ...]) -> None:
        """Run build commands side by side."""
        running = [subprocess.Popen([str(app.python), "-m", *command], cwd=ROOT) for command in commands]
        failed = [command for command, process in zip(commands, running)  # noqa: B905 (Python 3.9 has no strict)
            if process.wait() != 0]
        if failed:
            raise SetUpError(f"`python -m {' '.join(failed[0])}` failed; its own message stands above")

    started = time.monotonic()
    try:
        aside = threading.Thread(target=prepare, args=(rasa,))
        aside.start()
        prepare(app)
        if not errors:
            build(("knowledge", "build"))
        aside.join()
        if errors:
            raise errors[0]
        build(("bot", "build"), ("bot", "train-dialogue"))
    except SetUpError as exc:
        print(f"\nset-up stopped: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted: run the same command again to go on where it stopped", file=sys.stderr)
        return 130
    say(f"everything is in place ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    if not re.match(r"3\.(9|\d\d)", sys.version):
        print("set-up needs Python 3.9 or newer to start", file=sys.stderr)
        raise SystemExit(1)
    raise SystemExit(main())
