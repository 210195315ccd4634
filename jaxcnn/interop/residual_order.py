"""Shortcut A with its zeros elsewhere: the same function after the channels of the residual stream are reordered.

Our networks append the zeros behind the channels (as fb.resnet.torch does); the widely used code for CIFAR puts half of
them in front. What a stage adds to its input then lies at other channels. Reordering the output channels of every
block's last layer, and the input channels of whatever reads the stream, undoes that exactly: no value changes.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet

Zeros = Literal["both", "behind"]  # where shortcut A's zeros are: on both sides of the channels, or behind them
ZEROS: tuple[Zeros, ...] = get_args(Zeros)


def widths(model: Any) -> list[int] | None:
    """The channels of the residual stream: of the first convolution, then of each stage; None without shortcut A."""
    if isinstance(model, CifarResNet) and model.shortcut == "A":
        return [model.features[0], *model.features]
    if isinstance(model, ResNet) and model.shortcut == "A":
        return [64, *(64 * 2**stage * (4 if model.bottleneck else 1) for stage in range(len(model.blocks)))]
    return None


def orders(stream: Sequence[int]) -> list[np.ndarray]:
    """For each entry of `widths`, which of their channels each of ours is, where they pad on both sides.

    >>> [order.tolist() for order in orders([2, 2, 4])]
    [[0, 1], [0, 1], [1, 2, 0, 3]]
    """
    found = [np.arange(stream[0])]
    for before, after in itertools.pairwise(stream):
        kept = (after - before) // 2 + found[-1]
        found.append(np.concatenate([kept, np.setdiff1d(np.arange(after), kept)]))
    return found


def reordered(arrays: Mapping[str, np.ndarray], model: Any, *, to_ours: bool) -> dict[str, np.ndarray]:
    """A network's variables, in our layout, with the stream's channels in the other order.

    Args:
      arrays: by name, "s2_1/a/kernel".
      model: with shortcut A.
      to_ours: from zeros on both sides to zeros behind; else the other way.
    """
    stream = widths(model)
    assert stream is not None, "only shortcut A has zeros"
    taken = [order if to_ours else np.argsort(order) for order in orders(stream)]
    first = 1 if isinstance(model, CifarResNet) else 2  # our number of the first stage
    last = "c" if getattr(model, "bottleneck", False) else "b"
    changed = {}
    for name, array in arrays.items():
        block = re.fullmatch(r"(?:s|conv)(\d+)_(\d+)/(.*)/(\w+)", name)
        if name == "fc/kernel":
            array = array[taken[-1]]
        elif block:
            stage, number, layer, leaf = int(block[1]) - first + 1, int(block[2]), block[3], block[4]
            if layer == "a" and leaf == "kernel":
                array = array[:, :, taken[stage - 1 if number == 1 else stage]]
            elif layer in (last, f"{last}.bn"):
                array = array[..., taken[stage]]
        changed[name] = np.ascontiguousarray(array)
    return changed
