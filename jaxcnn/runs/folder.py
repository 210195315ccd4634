"""A run's folder: which run it belongs to, and the files that say so."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.serialize import to_json
from jaxcnn.data.sources import Source
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.runs.disk_errors import refusal, require_utf8
from jaxcnn.runs.later_fields import with_later_fields
from jaxcnn.runs.same_run import CONTENT, check_same_run, resolved
from jaxcnn.runtime.paths import expanded

INHERITED = "inherited"  # in experiment.json: the fields that a run took over from imported weights
# Fields that may change when a run is resumed.
FREE = {"paper", "rehearsal", "deviations", "chosen", "checkpoint_every", "evaluation_batch_size"}
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "grain", "numpy")


def default_workdir(experiment: Experiment, data: str, rehearsal: bool) -> Path:
    """runs/<experiment>-<variant>-<data>, with "-rehearsal" appended for a rehearsal."""
    return Path("runs") / f"{experiment.name}-{experiment.variant}-{data}{'-rehearsal' if rehearsal else ''}"


def identity(
    experiment: Experiment, *, data: str, rehearsal: bool, seed: int, content: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What identifies a run.

    It doesn't include the devices, so a run may be resumed elsewhere; its numbers stay the same to the bit only on
    equal devices and as many processor cores (`runs.resumption`).

    Args:
      experiment: as the run resolved it.
      data, rehearsal, seed: as in `fit`.
      content: of the data, from `content` below.
    """
    known = {name: value for name, value in to_json(experiment).items() if name not in FREE | {"type"}}
    known |= {"data": data, "rehearsal": rehearsal, "seed": seed, "init_from": resolved(experiment.init_from)}
    return known | ({} if content is None else {CONTENT: content})


def content(train: Source, test: Source) -> dict[str, Any]:
    """What distinguishes data sets of one name: class names, and each split's size and fingerprint.

    Raises:
      RunStoppedError, DataMissingError: a file is damaged.
    """
    splits = {source.split: split_content(source) for source in (train, test)}
    names = hashlib.sha256(json.dumps(train.class_names).encode()).hexdigest()[:16]
    return splits | {"class_names": names}


def split_content(source: Source) -> dict[str, Any]:
    """A split's part of `content`."""
    return {"images": len(source), "fingerprint": source.fingerprint}


def local_folder(folder: str | Path, flag: str = "--workdir") -> Path:
    """A folder that we write, `~` expanded.

    Args:
      folder: as given by the user.
      flag: its name in error messages.

    Raises:
      UsageError: it is a bucket's address, which would become a folder named "gs:", or its `~user` is unknown.
    """
    if "://" in str(folder):
        raise UsageError(f"{flag}={folder} must be a local folder; mount the bucket, and name the folder there.")
    return Path(expanded(folder, flag))


def saved_identity(workdir: Path) -> dict[str, Any] | None:
    """What experiment.json says of the run, completed by `with_later_fields`; None where there is no such file.

    Raises:
      UsageError: it can't be read.
      JaxcnnError: it is damaged.
    """
    path = workdir / "experiment.json"
    try:
        return with_later_fields(dict(json.loads(path.read_text())["experiment"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise refusal(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise JaxcnnError(
            f"{path} is damaged; put a sound one there (training's command with another --workdir writes the same), "
            "or choose another --workdir."
        ) from error


def claim_workdir(
    workdir: Path,
    mine: dict[str, Any],
    *,
    first: bool = True,
    inherited: Sequence[str] = (),
    may_accumulate: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Makes `workdir` this run's folder by writing experiment.json, or checks that it already is.

    Args:
      mine: what `identity` says of the run.
      first: whether this is the process that writes; the others come after it.
      inherited: the fields that the run took over from imported weights (`runs.inherited`).
      may_accumulate: see `same_run.check_same_run`.

    Returns:
      Notes to show, one a line.

    Raises:
      UsageError: the folder holds another experiment, can't be read or written, or has a name that isn't UTF-8.
      JaxcnnError: its experiment.json is damaged.
    """
    require_utf8(workdir)
    theirs = saved_identity(workdir)
    if theirs is not None:
        return check_same_run(workdir, theirs, mine, may_accumulate=may_accumulate)
    if not first:
        raise UsageError(f"{workdir} isn't what the first process sees; --workdir must be on a disk that all share.")
    try:
        if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
            raise UsageError(f"{workdir} exists and is no run's folder; choose another --workdir.")
        workdir.mkdir(parents=True, exist_ok=True)
        content = {"experiment": mine, "versions": versions(), "commit": commit()}
        write_json(workdir / "experiment.json", content | ({INHERITED: list(inherited)} if inherited else {}))
    except OSError as error:
        raise UsageError(f"can't write to {workdir}: {error.strerror}; choose another --workdir.") from error
    return []


def write_json(path: Path, content: Any) -> None:
    """Writes the whole file or nothing."""
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
    """The versions of Python and of the packages that affect results."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


def commit() -> str | None:
    """The commit of the source, with "-dirty" appended if files differ; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
