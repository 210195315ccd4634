"""Random windows of training images, chosen on the host before an image is decoded.

Each is called with the image's width and height in pixels, the side of the result and `draws` random numbers in
[0, 1), and returns the window. All lengths are proportional to the image's, so the choice doesn't depend on the scale
at which a JPEG is decoded.
"""

import dataclasses
import math
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from jaxcnn.data.decoding.decode import Window, central_square
from jaxcnn.errors import UsageError
from jaxcnn.ranges import Count, Positive, Range, check

PositiveShare = Annotated[float, Range(0, 1, low_open=True)]

INTERPOLATIONS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BOX,  # by area
    Image.Resampling.NEAREST,
    Image.Resampling.BICUBIC,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleJitter:
    """Resizes the shorter side to a random number of pixels and takes a random square (VGG §3.1, ResNet §3.4)."""

    shortest: Count  # pixels of the shorter side, both limits included
    longest: Count

    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check(self)
        _check_order("shortest", self.shortest, "longest", self.longest)

    def __call__(self, width: int, height: int, size: int, draws: Float[np.ndarray, "{self.draws}"]) -> Window:
        shorter = self.shortest + int(draws[0] * (self.longest - self.shortest + 1))
        side = min(width, height) * min(size / shorter, 1.0)  # `size` pixels of the resized image
        left, top = draws[1] * (width - side), draws[2] * (height - side)
        return Window((left, top, min(left + side, width), min(top + side, height)))  # rounding may exceed the edge


@dataclasses.dataclass(frozen=True, kw_only=True)
class AreaCrop:
    """A rectangle of random area and aspect ratio, resized to a square (GoogLeNet §6).

    Area and aspect ratio are drawn uniformly, up to ten times, until the rectangle fits into the image; if none does,
    it is the central square.
    """

    min_area: PositiveShare = 0.08  # share of the image
    max_area: PositiveShare = 1.0
    min_aspect: Positive = 3 / 4  # width : height
    max_aspect: Positive = 4 / 3
    random_interpolation: bool = True  # bilinear, by area, nearest or cubic; else bilinear

    tries: ClassVar[int] = 10
    draws: ClassVar[int] = 2 * tries + 3

    def __post_init__(self) -> None:
        check(self)
        _check_order("min_area", self.min_area, "max_area", self.max_area)
        _check_order("min_aspect", self.min_aspect, "max_aspect", self.max_aspect)

    def __call__(self, width: int, height: int, size: int, draws: Float[np.ndarray, "{self.draws}"]) -> Window:
        del size
        filters = INTERPOLATIONS if self.random_interpolation else INTERPOLATIONS[:1]
        resampling = filters[int(draws[-1] * len(filters))]
        for try_ in range(self.tries):
            area = width * height * (self.min_area + draws[2 * try_] * (self.max_area - self.min_area))
            aspect = self.min_aspect + draws[2 * try_ + 1] * (self.max_aspect - self.min_aspect)
            across, down = math.sqrt(area * aspect), math.sqrt(area / aspect)
            if across <= width and down <= height:
                left, top = draws[-3] * (width - across), draws[-2] * (height - down)
                return Window((left, top, min(left + across, width), min(top + down, height)), resampling)
        return Window(central_square(width, height).box, resampling)


def _check_order(low_name: str, low: float, high_name: str, high: float) -> None:
    if low > high:
        raise UsageError(f"{low_name} (={low:g}) must not exceed {high_name} (={high:g}); set both.")
