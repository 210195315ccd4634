"""A source in memory that the tests of this folder share."""

from collections.abc import Collection

import numpy as np

from jaxcnn.data.sources import Source


class Numbered(Source):
    """A training split whose image *i* shows *i*, but for those that are damaged."""

    def __init__(self, size: int, damaged: Collection[int] = ()):
        self.name, self.split, self.num_classes, self.folder = "numbered", "train", 10, None
        self.size, self.damaged = size, damaged

    def __len__(self) -> int:
        return self.size

    def __getitems__(self, indices):
        return [
            {"image": b"junk" if i in self.damaged else np.full((4, 4, 1), i % 251, np.uint8), "label": int(i)}
            for i in indices
        ]
