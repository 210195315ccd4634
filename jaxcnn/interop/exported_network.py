"""What an exported file computes: from an image's pixels to the scores of the classes."""

import dataclasses

import jax

from jaxcnn.config.inputs import Inputs
from jaxcnn.runs.trained import TrainedNetwork
from jaxcnn.training.network import count_outputs

PIXELS = "pixels"  # the names of a file's input and output
LOGITS = "logits"


@dataclasses.dataclass(frozen=True)
class ExportedNetwork:
    """A trained network that takes pixels: its normalisation is part of it, so that nobody can get it wrong.

    It computes in float32, whatever the precision of its training.
    """

    trained: TrainedNetwork

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image as the network takes it."""
        inputs = self.trained.experiment.inputs
        return visible_side(inputs), visible_side(inputs), inputs.channels

    @property
    def classes(self) -> int:
        return count_outputs(self.trained.experiment)

    def logits(self, pixels: jax.Array) -> jax.Array:
        """The scores of the classes, float32 [batch, classes].

        Args:
          pixels: float32 [batch, *image_shape], RGB or grey, 0–255.
        """
        inputs = self.trained.experiment.inputs
        inputs = dataclasses.replace(inputs, pad=visible_padding(inputs))
        experiment = dataclasses.replace(self.trained.experiment, inputs=inputs, precision="float32")
        network = dataclasses.replace(self.trained, experiment=experiment)
        return network.logits(network.preprocess(pixels))


def visible_side(inputs: Inputs) -> int:
    """The side of the square that the central crop depends on, in pixels.

    It is the crop itself where each pixel is normalised alone. Whitening and local contrast normalisation look at the
    whole stored square.

    >>> visible_side(Inputs(size=227, stored_size=256, channels=3))
    227
    >>> visible_side(Inputs(size=32, stored_size=28, channels=1, pad=2))
    28
    """
    if inputs.whitening is not None or inputs.local_contrast is not None:
        return inputs.stored_size
    return min(inputs.size, inputs.stored_size)


def visible_padding(inputs: Inputs) -> int:
    """The padding that the central crop sees, in pixels on each side: none where the crop lies inside the square."""
    return max(0, -(-(inputs.size - inputs.stored_size) // 2))
