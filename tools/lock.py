"""Writes the lock files under requirements/ from pyproject.toml: every package with its version, nothing else.

Run with `make lock` after changing dependencies. pip does the resolving; addresses and machine paths stay out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from set_up import APP_VERSIONS, RASA_VERSIONS, ROOT, find_python

HEADER = "# Written by `make lock` from pyproject.toml; names and versions only.\n"


def resolve(python: Path, requirements: list[str]) -> dict[str, str]:
    """Return name -> version of everything that the requirements need on one interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(python), "-m", "venv", folder], check=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True)
        report = Path(folder) / "report.json"
        command = [*pip, "install", "--quiet", "--dry-run", "--ignore-installed", "--report", str(report)]
        subprocess.run([*command, *requirements], check=True)
        installs = json.loads(report.read_text())["install"]
    return {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"].split("+")[0] for item in installs
    }


def write(name: str, packages: dict[str, str], *, without: dict[str, str] | None = None) -> None:
    """Write one lock file, leaving out what another one holds already."""
    lines = [f"{package}=={version}\n" for package, version in sorted(packages.items()) if package not in (without or {})]
    (ROOT / "requirements" / name).write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"requirements/{name}: {len(lines)} packages")


def main() -> None:
    """Resolve all groups and write their locks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed: list[str] = project["project"]["dependencies"]
    groups: dict[str, list[str]] = project["dependency-groups"]
    python = find_python(APP_VERSIONS)
    app = resolve(python, needed)
    pinned = [f"{name}=={version}" for name, version in app.items()]
    write("app.txt", app)
    dev = resolve(python, [*pinned, *groups["dev"]])
    write("dev.txt", dev, without=app)
    write("train.txt", resolve(python, [*pinned, *groups["dev"], *groups["train"]]), without={**app, **dev})
    write("rasa.txt", resolve(find_python(RASA_VERSIONS), groups["rasa"]))


if __name__ == "__main__":
    main()
