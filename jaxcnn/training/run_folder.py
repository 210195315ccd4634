"""A run's folder: whose it is, and its summary."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.experiment import Experiment
from jaxcnn.training.disk import refusal, require_utf8

# What may change between two starts of one run without making it another run.
FREE = {"paper", "rehearsal", "deviations", "checkpoint_every", "evaluation_batch_size"}
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "grain", "numpy")


def default_workdir(experiment: Experiment, data: str, rehearsal: bool) -> Path:
    """runs/<experiment>-<variant>-<data>, with "-rehearsal" behind it for one."""
    return Path("runs") / f"{experiment.name}-{experiment.variant}-{data}{'-rehearsal' if rehearsal else ''}"


def plain(value: Any) -> Any:
    """A value as JSON: a dataclass becomes {"type": …, its fields}, a function its name."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return value.__name__
    if dataclasses.is_dataclass(value):
        hidden = {"parent", "name"} if isinstance(value, nn.Module) else set()
        names = [field.name for field in dataclasses.fields(value) if field.name not in hidden]
        return {"type": type(value).__name__, **{name: plain(getattr(value, name)) for name in names}}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def identity(experiment: Experiment, *, data: str, rehearsal: bool, seed: int) -> dict[str, Any]:
    """What makes a run this run and no other."""
    resolved = {name: value for name, value in plain(experiment).items() if name not in FREE | {"type"}}
    return resolved | {"data": data, "rehearsal": rehearsal, "seed": seed}


def local_folder(workdir: str | Path) -> Path:
    """A run's folder. Raises UsageError where it is a bucket's address, which would become a folder named "gs:"."""
    if "://" in str(workdir):
        raise UsageError(f"--workdir={workdir} must be a local folder; mount the bucket, and name the folder there.")
    return Path(workdir)


def saved_identity(workdir: Path) -> dict[str, Any] | None:
    """What experiment.json says of the run; None where there is no such file.

    Raises:
      UsageError: it can't be read.
      JaxcnnError: it is damaged.
    """
    path = workdir / "experiment.json"
    try:
        return dict(json.loads(path.read_text())["experiment"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise refusal(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise JaxcnnError(
            f"{path} is damaged; put a sound one there (training's command with another --workdir writes the same), "
            "or choose another --workdir."
        ) from error


def claim(workdir: Path, mine: dict[str, Any], *, first: bool = True) -> None:
    """Makes `workdir` this run's folder by writing experiment.json, or checks that it already is.

    first: whether this is the process that writes; the others come after it.

    Raises:
      UsageError: the folder holds another experiment, can't be read or written, or has a name that isn't UTF-8.
      JaxcnnError: its experiment.json is damaged.
    """
    require_utf8(workdir)
    theirs = saved_identity(workdir)
    if theirs is not None:
        different = next((name for name in differences(theirs, mine)), None)
        if different:
            was, now = (_at(tree, different) for tree in (theirs, mine))
            raise UsageError(
                f"{workdir} holds another experiment: its {different} is {was!r}, here it is {now!r}; "
                "choose another --workdir."
            )
        return
    if not first:
        raise UsageError(f"{workdir} isn't what the first process sees; --workdir must be on a disk that all share.")
    try:
        if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
            raise UsageError(f"{workdir} exists and is no run's folder; choose another --workdir.")
        workdir.mkdir(parents=True, exist_ok=True)
        write_json(workdir / "experiment.json", {"experiment": mine, "versions": versions(), "commit": commit()})
    except OSError as error:
        raise UsageError(f"can't write to {workdir}: {error.strerror}; choose another --workdir.") from error


def differences(theirs: Any, mine: Any, path: str = "") -> list[str]:
    """Paths of the leaves in which two JSON trees differ."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        names = sorted(theirs.keys() | mine.keys())
        return [leaf for name in names for leaf in differences(theirs.get(name), mine.get(name), f"{path}.{name}")]
    return [] if theirs == mine else [path.removeprefix(".")]


def _at(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def write_json(path: Path, content: Any) -> None:
    """Writes a whole file or none."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    temporary.replace(path)


def params_sha256(params: Any) -> str:
    """SHA-256 over the parameters' bytes, in sorted order of their paths ("conv1/bias", "conv1/kernel", …)."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    named = {"/".join(str(key.key) for key in path): leaf for path, leaf in leaves}
    digest = hashlib.sha256()
    for name in sorted(named):
        digest.update(np.ascontiguousarray(jax.device_get(named[name])).tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Of Python and the packages that decide what a run computes."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


def commit() -> str | None:
    """The commit of the source, "-dirty" behind it where files differ; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
