"""Which files are the project's own, whatever else lies in the checkout: runs, environments, builds, notes."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md"),
    *("constraints.txt", "launch.py", "pyproject.toml"),
)
FOLDERS = (".ci", ".github", "benchmarks", "docs", "experiments", "jaxcnn", "tests")


def tracked() -> list[Path]:
    """What Git knows; nothing where there is no Git, or where this is no checkout."""
    if not (ROOT / ".git").exists():  # a copy; it may lie in somebody else's repository
        return []
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    paths = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def by_name() -> list[Path]:
    """What lies in the project's folders, and the files at the top by name, but for Git's and pre-commit's settings."""
    found = [ROOT / name for name in TOP] + [path for name in FOLDERS for path in (ROOT / name).rglob("*")]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]
