"""How torch lays out an array that we lay out otherwise: channels first there, channels last here."""

import math
from collections.abc import Sequence

import numpy as np


def their_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape that torch has for a variable of ours: [O, I, H, W] for [H, W, I, O], [O, I] for [I, O]."""
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else tuple(reversed(shape))


def to_ours(array: np.ndarray, shape: Sequence[int], channels: int | None = None) -> np.ndarray | None:
    """An array of torch's in our layout.

    Args:
      array: theirs.
      shape: ours.
      channels: of the map that the layer flattens; torch flattens it channels first. None: the layer sees no map.

    Returns:
      float32, contiguous; None where the array can't be this variable.
    """
    if array.ndim == 4 and len(shape) == 2:  # a fully connected layer as a convolution over the whole map
        if array.shape[0] != shape[1] or math.prod(array.shape[1:]) != shape[0]:
            return None
        return np.ascontiguousarray(array.transpose(2, 3, 1, 0)).reshape(tuple(shape))
    if array.shape != their_shape(shape):
        return None
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(2, 3, 1, 0))
    if array.ndim == 2 and channels is not None:
        places = shape[0] // channels
        return np.ascontiguousarray(array.reshape(-1, channels, places).transpose(2, 1, 0)).reshape(tuple(shape))
    return np.ascontiguousarray(array.T)


def to_theirs(array: np.ndarray, channels: int | None = None) -> np.ndarray:
    """The inverse of `to_ours`: contiguous, in torch's layout."""
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    if array.ndim == 2 and channels is not None:
        places, outputs = array.shape[0] // channels, array.shape[1]
        return np.ascontiguousarray(array.reshape(places, channels, outputs).transpose(2, 1, 0)).reshape(outputs, -1)
    return np.ascontiguousarray(array.T)
