"""The papers' test protocols, by name.

There are two kinds: crops of the same stored square as in training, and views of whole images at one or more scales.
Both average the class probabilities (softmax outputs) over all views of an image with equal weights.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Scales
from jaxcnn.data.datasets import prepare_command
from jaxcnn.data.sources import Source
from jaxcnn.errors import UsageError, nearest
from jaxcnn.evaluation import crops, windows
from jaxcnn.evaluation.crops import Crops
from jaxcnn.evaluation.windows import WindowLayout
from jaxcnn.models.layers.masked_apply import masked_apply
from jaxcnn.training.state import init
from jaxcnn.training.steps import convolutional

LARGEST = 4  # limit of a scale in input sizes of the network; a larger one was meant for another network


@dataclasses.dataclass(frozen=True)
class StoredSquares:
    """Crops of the stored square."""

    crops: Crops


@dataclasses.dataclass(frozen=True)
class WholeImages:
    """Whole images and their mirror images at one or more scales.

    The network is applied to windows of the images, or densely: in its fully convolutional form, whose class scores are
    averaged over the image before the softmax (VGG §3.2).
    """

    scales: Callable[[Scales], tuple[int, ...]]
    windows: WindowLayout | None = None  # None: dense


PROTOCOLS: dict[str, StoredSquares | WholeImages] = {
    "center": StoredSquares(crops.center),
    "ten_crop": StoredSquares(crops.ten_crop),
    "dense": WholeImages(lambda scales: scales.dense),
    "multi_crop": WholeImages(lambda scales: scales.multi_crop, windows.grid),
    "multi_scale": WholeImages(lambda scales: scales.multi_scale),
    "144_crop": WholeImages(lambda scales: scales.crop_144, windows.three_squares),
    "multi_scale_dense": WholeImages(lambda scales: scales.multi_scale_dense),
}


def check_protocol(name: str, experiment: Experiment) -> None:
    """Raises UsageError unless a protocol of this name exists and suits the experiment's network and scales."""
    if name not in PROTOCOLS:
        raise UsageError(f"there is no protocol {name!r}; {nearest(name, list(PROTOCOLS))}")
    protocol = PROTOCOLS[name]
    if isinstance(protocol, StoredSquares):
        return
    sides, size = protocol.scales(experiment.scales), experiment.inputs.size
    reason = None
    if experiment.inputs.whitening is not None or experiment.inputs.local_contrast is not None:
        reason = "its input is normalised by the square as a whole"
    elif protocol.windows is None:
        reason = _why_not_densely(experiment, min(sides))
    elif min(sides) < size:
        reason = f"its smallest scale (={min(sides)}) is below the network's input ({size} pixels)"
    if reason is None and max(sides) > LARGEST * size:
        reason = f"its largest scale (={max(sides)}) is more than {LARGEST} times the network's input ({size} pixels)"
    if reason is not None:
        raise UsageError(
            f"the protocol {name} doesn't suit {experiment.id}: {reason}. Use center or ten_crop, or --set scales.…"
        )


def _why_not_densely(experiment: Experiment, scale: int) -> str | None:
    """Why the network can't be applied densely to images of this side, in pixels; None if it can."""
    model, inputs = convolutional(experiment), experiment.inputs

    def run(side: int) -> jax.Array:
        variables = init(experiment.model, experiment)
        images = jnp.zeros((1, side, side, inputs.channels))
        return masked_apply(model, variables, images, jnp.full((1, 2), side, jnp.int32))

    # Larger images always work if the network's own input does; smaller ones need a check of their own.
    for side in dict.fromkeys((inputs.size, min(inputs.size, scale))):
        try:
            jax.eval_shape(lambda side=side: run(side))
        except (ValueError, ZeroDivisionError) as error:
            return str(error).splitlines()[0].rstrip(".")
    return None


def check_image_sizes(name: str, experiment: Experiment, source: Source) -> None:
    """Raises UsageError if a protocol needs larger images than a compact copy of the data set has."""
    if source.shorter_side is None:
        return
    protocol, side = PROTOCOLS[name], source.shorter_side
    wanted = (
        (experiment.inputs.stored_size,) if isinstance(protocol, StoredSquares) else protocol.scales(experiment.scales)
    )
    if max(wanted) > side:
        raise UsageError(
            f"protocol {name!r} needs images whose shorter side has {max(wanted)} pixels, and this copy of "
            f"{source.name} has {side}; prepare the full data set ({prepare_command(source.name)}), or choose "
            "another protocol or smaller scales."
        )
