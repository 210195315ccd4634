"""LeNet-5 as in its paper: partial C3, trainable subsampling, distances to fixed prototypes as output.

Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998,
§II-B, Table I, Fig. 2. The layers are in `lenet_layers.py`. The 28×28 network that is called LeNet-5 today, and
Caffe's, are in `lenet_variants.py`.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.rbf import EuclideanRBF
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.models.lenet_layers import FeatureMaps, FullyConnected, Subsampling
from jaxcnn.ranges import Count, NonNegative, RangeError

# Table I: the S2 maps that each C3 map sees.
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


class LeNet5(CheckedModule):
    """LeNet-5 of 1998: 60,000 parameters, 340,908 connections.

    Input: float32 [batch, 32, 32, 1], background −0.1 and ink 1.175 (§II-B). Output: scores, float32 [batch, 10]:
    minus the squared distances to the prototypes.

    Raises:
      ValueError: `num_classes` isn't 10, as the prototypes are the ten digits; or the images have another size.
    """

    num_classes: Count = 10
    # Weights begin in ±2.4 / F^fan_in_power. The formula as printed has 1; its reason asks for 1/2. S2 and S4 always
    # have 1: the four neighbours that they add are nearly equal, so that their sum grows with 4, not with √4.
    fan_in_power: NonNegative = 0.5
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_classes != 10:
            raise RangeError(
                f"num_classes (={self.num_classes}) must be 10: LeNet5's prototypes are the ten digits; "
                "use ModernLeNet5 for other classes."
            )

    def setup(self) -> None:
        power, dtype = self.fan_in_power, self.dtype
        self.C1 = FeatureMaps(6, power, dtype)
        self.S2 = Subsampling(6, 1.0, dtype)
        self.C3 = FeatureMaps(16, power, dtype, C3_TABLE)
        self.S4 = Subsampling(16, 1.0, dtype)
        self.C5 = FeatureMaps(120, power, dtype)
        self.F6 = FullyConnected(84, power, dtype)
        self.output = EuclideanRBF()

    @takes_images
    def features(
        self, images: Float[Array, "batch height width channels"], *, curvature: bool = False
    ) -> Float[Array, "batch 84"]:
        """The outputs of F6.

        Args:
          images: as for the network.
          curvature: reverse mode carries Gauss–Newton second derivatives (Appendix C): given ∂²E/∂x² of F6's outputs,
            it returns ∂²E/∂w² of every weight and of the images.
        """
        if images.shape[1:] != (32, 32, 1):
            raise ValueError(f"LeNet5: images {images.shape} must be [batch, 32, 32, 1]; pad 28×28 images by 2.")
        x = self.C1(images, curvature=curvature)  # 28×28×6
        x = self.S2(x, curvature=curvature)  # 14×14×6
        x = self.C3(x, curvature=curvature)  # 10×10×16
        x = self.S4(x, curvature=curvature)  # 5×5×16
        x = self.C5(x, curvature=curvature)  # 1×1×120
        return self.F6(x, curvature=curvature)  # 84

    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float[Array, "batch {self.num_classes}"]:
        del train
        return self.output(self.features(images))
