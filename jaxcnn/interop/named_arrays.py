"""What is in a file of weights before anyone knows which network it is of: arrays by the names of the file."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import DataMissingError

# What stands in front of every name where a network was saved from within a wrapper: DataParallel, torch.compile, and
# the attribute of a training loop's own module.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
# Of batch norm in torch, where only a momentum of None reads it; and of an averaged network (swa_utils).
COUNTERS = ("num_batches_tracked", "n_averaged")


@dataclasses.dataclass(frozen=True)
class NamedArrays:
    """The arrays of a file.

    Attributes:
      format: "pytorch" or "safetensors".
      arrays: by the file's names; what was floating point is float32.
      adapted: what was changed to get there, a sentence each.
      metadata: the texts in the file's header, which only safetensors have.
    """

    format: str
    arrays: Mapping[str, np.ndarray]
    adapted: tuple[str, ...] = ()
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


def named_arrays(
    format: str,
    found: Mapping[str, np.ndarray],
    adapted: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> NamedArrays:
    """The arrays without wrappers' prefixes and counters, as float32."""
    arrays = {name: array for name, array in found.items() if name.rpartition(".")[2] not in COUNTERS}
    notes = list(adapted)
    prefix = ""
    while (more := _common_prefix(name.removeprefix(prefix) for name in arrays)) is not None:
        prefix += more
    if prefix:
        notes.append(f"All names begin with {prefix!r}, which was left out.")
        arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    others = sorted({str(array.dtype) for array in arrays.values() if is_floating(array.dtype)} - {"float32"})
    if others:
        notes.append(f"Values in {' and '.join(others)} became float32.")
    arrays = {name: _as_float32(array) for name, array in arrays.items()}
    return NamedArrays(format, arrays, tuple(notes), metadata or {})


def is_floating(dtype: np.dtype) -> bool:
    """Whether a type is one of floating point; NumPy itself doesn't know bfloat16."""
    return np.issubdtype(dtype, np.floating) or dtype.name == "bfloat16"


def _as_float32(array: np.ndarray) -> np.ndarray:
    if not is_floating(array.dtype):
        return array
    with np.errstate(over="ignore"):  # a float64 beyond float32's range becomes infinite
        return array.astype(np.float32, copy=False)


def _common_prefix(names: Iterable[str]) -> str | None:
    names = list(names)
    return next((prefix for prefix in PREFIXES if names and all(name.startswith(prefix) for name in names)), None)


def damaged(file: Path, why: str) -> DataMissingError:
    """The error for a file of weights that can't be read."""
    return DataMissingError(f"{file} is damaged or no file of weights: {why}; get it again from where it came.")


def flat(variables: Mapping[str, Any]) -> dict[str, Any]:
    """A network's variables by one name each, "conv2_1/a.bn/mean", whichever collection they are in.

    Args:
      variables: {"params": …, "batch_stats": …}, nested by layer.
    """
    found: dict[str, Any] = {}

    def walk(tree: Mapping[str, Any], path: str) -> None:
        for name, value in tree.items():
            if isinstance(value, Mapping):
                walk(value, f"{path}{name}/")
            else:
                assert f"{path}{name}" not in found, "two collections have a variable of one name"
                found[f"{path}{name}"] = value

    for collection in variables.values():
        walk(collection, "")
    return found


def nested(values: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flat`: values in the tree of `like`, {"params": …, "batch_stats": …}."""

    def fill(tree: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {
            name: fill(value, f"{path}{name}/") if isinstance(value, Mapping) else values[f"{path}{name}"]
            for name, value in tree.items()
        }

    return {collection: fill(tree, "") for collection, tree in like.items()}


def mapped(arrays: Mapping[str, np.ndarray], change: Callable[[str, np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with each replaced by `change(name, array)`."""
    return {name: change(name, array) for name, array in arrays.items()}
