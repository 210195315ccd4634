"""A network's variables as one safetensors file."""

from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.numpy import save

Tree = Any

STATISTICS = "statistics/"  # before the names of the training set's statistics, such as its mean image


def named_arrays(variables: dict[str, Tree]) -> dict[str, np.ndarray]:
    """A network's variables by our names.

    Args:
      variables: {"params", "batch_stats", "statistics"}.

    Returns:
      "conv1/kernel" → its array, and "conv1.bn/mean" for batch statistics; "statistics/mean" for those of the training
      set. A batch statistic that is called like a parameter has "batch_stats/" before its name.
    """
    params = flatten_dict(variables["params"], sep="/")
    stats = flatten_dict(variables["batch_stats"], sep="/")
    named = {**params, **{f"batch_stats/{name}" if name in params else name: array for name, array in stats.items()}}
    named |= {STATISTICS + name: array for name, array in variables["statistics"].items()}
    return {str(name): np.asarray(array) for name, array in named.items()}


def encoded(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """A file's content.

    Args:
      arrays: name → values.
      metadata: what the file's header is to say.
    """
    # safetensors takes the memory of an array as it lies: a transposed or strided one would be saved as wrong numbers.
    # (NumPy gives a copy of a single number, such as torch's count of batches, an axis of its own.)
    whole = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    return save(whole, metadata)
