"""LeNet-5's output layer: squared Euclidean distances to fixed bitmaps of the classes (radial basis functions).

Source: LeCun, Bottou, Bengio & Haffner 1998, §II-B and Fig. 3.
"""

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxcnn.models.layers.core import Layer
from jaxcnn.models.layers.module import name_of
from jaxcnn.models.layers.shapes import Shape

# The output's targets: digits 0–9, each 7 wide and 12 high, # = +1, . = −1.
# Deviation: the shapes are ours; the paper shows its own in Fig. 3 and names only their size and purpose.
_BITMAPS = """
.#####. ...##.. .#####. ####### ##..... ####### ...###. ####### .#####. .#####.
####### ..###.. ####### ####### ##..... ####### ..####. ####### ####### #######
##...## .####.. ##...## .....## ##..##. ##..... .##.... .....## ##...## ##...##
##...## ##.##.. .....## .....## ##..##. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## ....##. ##..##. ######. ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ..####. ##..##. ####### ######. ....##. .#####. #######
##...## ...##.. ...##.. ..##### ####### .....## ####### ...##.. .#####. .######
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
####### ####### ####### ####### ....##. ####### ####### .##.... ####### .####..
.#####. ####### ####### .#####. ....##. .#####. .#####. .##.... .#####. .###...
"""


def digit_prototypes() -> Float32[np.ndarray, "10 84"]:
    """The fixed weights of the output layer, ±1: the bitmaps of the ten digits, flattened row by row."""
    rows = np.array([[list(bitmap) for bitmap in line.split()] for line in _BITMAPS.split("\n") if line])
    return np.where(rows == "#", 1.0, -1.0).astype(np.float32).transpose(1, 0, 2).reshape(10, 84)


class EuclideanRBF(Layer):
    """Minus the squared Euclidean distance to each class's prototype.

    The paper's output is the distance, and the class with the smallest one wins. The sign makes that the largest score.
    """

    kind: ClassVar[str] = "rbf"

    @nn.compact
    def __call__(self, inputs: Float[Array, "batch values"]) -> Float32[Array, "batch 10"]:
        prototypes = digit_prototypes()
        if inputs.shape[1:] != prototypes.shape[1:]:
            raise ValueError(
                f"{name_of(self)} takes [batch, 84], a value for each pixel of a prototype; not {list(inputs.shape)}."
            )
        offsets = inputs.astype(jnp.float32)[:, None] - prototypes[None]
        return -jnp.square(offsets).sum(axis=-1)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return inputs[-1] * outputs[-1]

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs)
