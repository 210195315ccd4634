"""How pictures become a network's input, in training and at test: values, which an experiment holds."""

import dataclasses
from typing import Any, ClassVar, Literal, Protocol

from jaxcnn.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Affine:
    """Limits of random planar affine distortions (LeCun et al. 1998, §III-B); each is drawn anew for a picture."""

    max_translation: float = 0.0  # pixels, in each direction
    max_scaling: float = 0.0  # of both axes, as a logarithm: a factor from exp(−max) to exp(max)
    max_squeeze: float = 0.0  # likewise, one axis growing as the other shrinks
    max_shear: float = 0.0  # horizontal, pixels across for one pixel down


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photometric:
    """Random brightness, contrast and colour (Howard 2013), in random order: factors from 1 − limit to 1 + limit."""

    brightness: float = 0.0  # towards black
    contrast: float = 0.0  # towards the picture's mean grey
    colour: float = 0.0  # towards the pixel's grey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whitening:
    """Global contrast normalisation, then ZCA whitening over the whole picture (Goodfellow et al. 2013, maxout)."""

    norm: float = 55.0  # what the norm of a picture, its mean taken off, is brought to
    filter_bias: float = 0.1  # added to each eigenvalue of the covariance


class Crop(Protocol):
    """Chooses a random window of a training picture before it is decoded; see `training.crops`."""

    draws: ClassVar[int]  # random numbers a picture

    def __call__(self, width: int, height: int, size: int, draws: Any) -> Any: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """How pictures become the network's input, float32 [batch, size, size, channels].

    The host hands over uint8 squares. The order on the device: photometric distortion; mean and scale, or
    whitening, or local contrast normalisation; padding, colour, crop, mirror, distortion. Crops, mirror, colours
    and distortion are random in training; a test protocol chooses its own crops.
    """

    size: int  # pixels of the network's input, height and width
    channels: int
    stored_size: int  # pixels of the squares that the host hands over
    crop: Crop | None = None  # in training the host cuts this out of the whole picture, `size` pixels, instead
    pad: int = 0  # pixels on each side; black, or the mean where the mean is a picture
    mean: float | tuple[float, ...] | Literal["picture"] = 0.0  # of 0–255; "picture": of the training set, per pixel
    scale: float | tuple[float, ...] = 1.0  # input = (pixel − mean) · scale
    mirror: bool = False
    colour_std: float = 0.0  # AlexNet §4.1: noise along the principal components of RGB
    distortion: Affine | None = None
    photometric: Photometric | None = None
    whitening: Whitening | None = None  # instead of mean and scale
    local_contrast: int | None = None  # instead of mean and scale: the window, pixels

    @property
    def training_size(self) -> int:
        """Pixels of the squares that the host hands over in training."""
        return self.stored_size if self.crop is None else self.size


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scales:
    """Pixels of the shorter side at which each test protocol looks at whole pictures; all scales are averaged.

    The defaults are each paper's for a network that was trained at 256, or at 256 to 512 pixels.
    """

    dense: tuple[int, ...] = (256,)  # VGG §4.1: Q = S where S was fixed; 384 where it was jittered in 256–512
    multi_crop: tuple[int, ...] = (256, 384, 512)  # VGG §3.2 and §4.3: 50 crops at each of three scales
    multi_scale: tuple[int, ...] = (256, 384, 512)  # VGG §4.2: S jittered; S − 32, S, S + 32 where S was fixed
    crop_144: tuple[int, ...] = (256, 288, 320, 352)  # GoogLeNet §7
    multi_scale_dense: tuple[int, ...] = (224, 256, 384, 480, 640)  # ResNet §3.4

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            sides = getattr(self, field.name)
            if not sides or min(sides) < 1:
                raise UsageError(f"scales.{field.name} (={sides}) must be one or more sizes in pixels.")
