"""The deconvnet: which pattern in the image has excited a unit. Zeiler & Fergus 2013, §2.1.

The unit's value is carried back to the image: each max-pooling puts the signal where the maximum was, each ReLU passes
the signal's positive part on, and each convolution applies its filters transposed. This differs from the derivative at
the ReLUs alone, which there asks whether the unit was active. Response normalisation, biases and the statistics of
batch normalisation are left out, its scales are not; squashing functions pass the signal on by their derivative.
"""

from collections.abc import Sequence

import numpy as np

from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.programs import Backward


class Deconvnet:
    """Projects units of a network's `places` to the image."""

    def __init__(self, network: OpenedNetwork) -> None:
        self._backward = Backward(network, as_deconvnet=True)

    def __call__(
        self, inputs: np.ndarray, units: Sequence[tuple[int, int, int, int]], values: Sequence[float]
    ) -> np.ndarray:
        """The projections, float32 [images, size, size, channels].

        Args:
          inputs: float32 [images, size, size, channels], normalised.
          units: for each image (number of the place, row, column, channel).
          values: of these units.
        """
        return self._backward(inputs, units=list(units), strength=values).images
