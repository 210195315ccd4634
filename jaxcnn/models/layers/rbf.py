"""LeNet-5's output layer: squared Euclidean distances to fixed pictures of the classes (radial basis functions).

Source: LeCun, Bottou, Bengio & Haffner 1998, §II-B and Fig. 3.
"""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

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


def digit_prototypes() -> np.ndarray:
    """The fixed weights of the output layer: float32 [10, 84] of ±1, row-wise bitmaps of the ten digits."""
    rows = np.array([[list(bitmap) for bitmap in line.split()] for line in _BITMAPS.split("\n") if line])
    return np.where(rows == "#", 1.0, -1.0).astype(np.float32).transpose(1, 0, 2).reshape(10, 84)


class EuclideanRBF(Layer):
    """Minus the squared Euclidean distance to each class's prototype: float32 [batch, 10] from [batch, 84].

    The paper's output is the distance y and its answer the smallest; the sign makes it the largest score.
    """

    kind: ClassVar[str] = "rbf"

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
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
