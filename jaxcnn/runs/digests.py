"""Digests of the files of checkpoints: they tell damage that would otherwise be read as numbers.

A flipped bit in an array's file is another number, and nothing in the file says so. So the digest of every file is
written down when a checkpoint is complete, beside the checkpoints, and compared before it is read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = "checkpoint_digests.json"
ALGORITHM = "sha256"
NAMED = 3  # files in a message


class Digests:
    """The digests of the checkpoints in a folder. Where none were written down, nothing is known to be damaged.

    Args:
      checkpoints: the folder that holds a folder for each step.
    """

    def __init__(self, checkpoints: Path) -> None:
        self._checkpoints = checkpoints
        self._file = checkpoints.parent / FILE

    def write(self, step: int) -> None:
        """Writes down the digests of a checkpoint that is complete, and forgets those of checkpoints that are gone."""
        known = {other: files for other, files in self._read().items() if (self._checkpoints / other).is_dir()}
        known[str(step)] = _digests(self._checkpoints / str(step))
        part = self._file.with_name(f"{FILE}.part")
        part.write_text(json.dumps({"digests": known, "own": _of_text(known)}))
        part.replace(self._file)

    def problem(self, step: int) -> str:
        """What is wrong with a checkpoint's files, a phrase; empty where nothing is, or nobody knows.

        Reads every file. A file that can't be read counts as damaged.
        """
        expected = self._read().get(str(step))
        if expected is None:
            return ""
        found = _digests(self._checkpoints / str(step))
        names = {
            "missing": sorted(expected.keys() - found.keys()),
            "changed": sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name]),
        }
        return "; ".join(f"{what}: {_listed(files)}" for what, files in names.items() if files)

    def _read(self) -> dict[str, dict[str, str]]:
        """Step → file → digest; empty where the file isn't there, or is itself damaged."""
        try:
            content: Any = json.loads(self._file.read_text())
            return content["digests"] if content["own"] == _of_text(content["digests"]) else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                with path.open("rb") as file:
                    found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, ALGORITHM).hexdigest()
            except OSError:
                found[path.relative_to(folder).as_posix()] = "unreadable"
    return found


def _of_text(digests: dict[str, dict[str, str]]) -> str:
    return hashlib.new(ALGORITHM, json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _listed(files: list[str]) -> str:
    return ", ".join(files[:NAMED]) + (f" and {len(files) - NAMED:,} more" if len(files) > NAMED else "")
