"""What an evaluation found of each image, in the order of the records."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxcnn.training.metrics import ImageRows


class ImageResults(NamedTuple):
    """One row for each image of the split.

    A probability is what the protocol averages over an image's views: the softmax of the network's outputs. LeNet-5's
    outputs are minus squared distances, penalties that the paper's criterion (eq. 9) takes for negative log
    probabilities; their softmax is the probability of each digit, given that the image is one.
    """

    label: np.ndarray  # int32 [images]
    predicted: np.ndarray  # int32 [images], the class with the highest score
    probability: np.ndarray  # float32 [images], of the predicted class
    rank: np.ndarray  # int32 [images], how many classes score above the label; 0 is a hit

    @classmethod
    def joined(cls, batches: Sequence[Mapping[str, np.ndarray | jax.Array]], images: int) -> "ImageResults":
        """The rows of batches in their order, without the padding behind the last image."""
        host: Sequence[ImageRows] = jax.device_get(list(batches))
        return cls(*(np.concatenate([np.asarray(batch[name]) for batch in host])[:images] for name in cls._fields))

    @property
    def wrong(self) -> np.ndarray:
        """Whether each image is a top-1 error, bool [images]."""
        return self.rank > 0
