"""The values that determine how images become a network's input, in training and evaluation."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.ranges import NOT_EMPTY, Count, NonNegative, Positive, Share, WholeNumber, check

WHITENING_BYTES = 2**32  # limit of the whitening matrix, whose side is the number of values in an image
Sides = Annotated[tuple[Count, ...], NOT_EMPTY]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Affine:
    """Limits of random planar affine distortions (LeCun et al. 1998, §III-B), drawn for each image."""

    max_translation: NonNegative = 0.0  # pixels, in each direction
    max_scaling: NonNegative = 0.0  # logarithm: both axes are scaled by a factor from exp(−max) to exp(max)
    max_squeeze: NonNegative = 0.0  # logarithm: one axis grows by this factor while the other shrinks
    max_shear: NonNegative = 0.0  # horizontal, pixels for each row

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photometric:
    """Limits of random brightness, contrast and colour (Howard 2013), applied in random order.

    Each blends the image with a reference, by a factor from 1 − limit to 1 + limit.
    """

    brightness: Share = 0.0  # reference: black
    contrast: Share = 0.0  # reference: the mean grey of the image
    colour: Share = 0.0  # reference: the grey of the pixel

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whitening:
    """Global contrast normalisation, then ZCA whitening over the whole image (Goodfellow et al. 2013, maxout)."""

    norm: Positive = 55.0  # of every image after its mean is subtracted
    filter_bias: Positive = 0.1  # added to each eigenvalue of the covariance

    def __post_init__(self) -> None:
        check(self)


class Crop(Protocol):
    """Chooses a random window of a training image before it is decoded; see `augmentation.random_crops`."""

    draws: ClassVar[int]  # the number of random numbers that an image needs

    def __call__(self, width: int, height: int, size: int, draws: Any) -> Any: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """How images become the network's input, float32 [batch, size, size, channels].

    The host provides uint8 squares. The device applies, in this order: photometric distortion; mean and scale, or
    whitening, or local contrast normalisation; the order of the channels; padding, colour noise, crop, mirror, affine
    distortion. In training, crops, mirroring, colours and distortion are random; a test protocol chooses its own crops.

    `resize` says how a whole image becomes a square: "shorter_side" keeps its proportions and cuts out the middle,
    "warp" resizes both sides to that size, as Caffe's tools prepare images. Random crops in training (`crop`), and the
    protocols that take whole images, resize in ways of their own. With `channel_order="BGR"` the network sees blue
    first, as OpenCV and Caffe store images; `mean`, `scale` and the colour noise remain in the order red, green, blue.
    """

    size: Count  # pixels of the network's input, height and width
    channels: int  # 1: grey; 3: red, green and blue
    stored_size: Count  # side of the squares that the host provides, pixels
    resize: Literal["shorter_side", "warp"] = "shorter_side"  # how those squares are made of images
    crop: Crop | None = None  # if given, the host provides random windows of `size` pixels in training instead
    pad: WholeNumber = 0  # pixels on each side: black, or the mean if that is an image
    mean: float | tuple[float, ...] | Literal["picture"] = 0.0  # 0–255; "picture": the training set's mean image
    scale: float | tuple[float, ...] = 1.0  # input = (pixel − mean) · scale
    channel_order: Literal["RGB", "BGR"] = "RGB"  # in which the network sees them
    mirror: bool = False
    colour_std: NonNegative = 0.0  # standard deviation of noise along the principal components of RGB (AlexNet §4.1)
    distortion: Affine | None = None
    photometric: Photometric | None = None
    whitening: Whitening | None = None  # replaces mean and scale
    local_contrast: Count | None = None  # replaces mean and scale; side of its window, pixels

    def __post_init__(self) -> None:
        check(self)
        if self.channels not in (1, 3):
            raise UsageError(f"channels (={self.channels}) must be 1 (grey) or 3 (RGB).")
        if self.size > self.stored_size + 2 * self.pad:
            raise UsageError(
                f"size (={self.size}) must not exceed stored_size + 2·pad (={self.stored_size + 2 * self.pad})."
            )
        shortest = getattr(self.crop, "shortest", self.size)
        if shortest < self.size:
            raise UsageError(
                f"crop.shortest (={shortest}) must be at least size (={self.size}), which is cut out of it."
            )
        self._check_channels()
        self._check_normalisation()
        if self.distortion is not None and len(self.background) > 1:
            raise UsageError(
                f"mean (={self.mean}) and scale (={self.scale}) must be the same for all channels where distortion "
                "fills what lies outside an image with one value."
            )

    def _check_channels(self) -> None:
        """Checks the numbers of values of mean and scale, and that what concerns colours has three channels."""
        for field in ("mean", "scale"):
            value = getattr(self, field)
            if isinstance(value, tuple) and len(value) != self.channels:
                raise UsageError(
                    f"{field} (={value}) must be one number, or one for each of {self.channels} channels "
                    "(set channels and it together)."
                )
        if self.channels != 3 and self.channel_order != "RGB":
            raise UsageError(
                f"channel_order (={self.channel_order!r}) needs 3 channels, there are {self.channels}; set it to 'RGB'."
            )
        for field in ("colour_std", "photometric"):
            if self.channels != 3 and getattr(self, field):
                raise UsageError(
                    f"{field} (={getattr(self, field)}) needs 3 channels, there are {self.channels}; "
                    f"set it to {None if field == 'photometric' else 0}."
                )

    def _check_normalisation(self) -> None:
        """Checks that only one of mean and scale, whitening, and local contrast is used, and the matrix's size."""
        if self.whitening is not None and self.local_contrast is not None:
            raise UsageError("whitening and local_contrast exclude each other; set one of them to None.")
        instead = next((name for name in ("whitening", "local_contrast") if getattr(self, name) is not None), None)
        unused = {"mean": 0.0, "scale": 1.0, "colour_std": 0.0}
        for field, neutral in unused.items():
            if instead is not None and getattr(self, field) != neutral:
                raise UsageError(
                    f"{field} (={getattr(self, field)}) has no effect beside {instead}; "
                    f"leave it at {neutral:g}, or set {instead} to None."
                )
        values = self.stored_size**2 * self.channels
        if self.whitening is not None and 4 * values**2 > WHITENING_BYTES:
            raise UsageError(
                f"whitening takes a matrix of {values:,}² values for stored_size (={self.stored_size}), more than "
                f"{WHITENING_BYTES / 2**30:.0f} GiB; set a smaller stored_size, or whitening to None."
            )

    @property
    def background(self) -> tuple[float, ...]:
        """The value outside an image after normalisation: that of black, or 0 if the mean is an image.

        One value, or one for each channel in the network's order if they differ.
        """
        if self.mean == "picture" or self.whitening is not None or self.local_contrast is not None:
            return (0.0,)
        black = np.ravel((0.0 - np.asarray(self.mean)) * np.asarray(self.scale)).tolist()
        if len(set(black)) == 1:
            return (black[0],)
        return tuple(black[::-1] if self.channel_order == "BGR" else black)

    @property
    def squares(self) -> dict[str, Any]:
        """How the host makes squares of whole images: arguments of `data.decoding` and `data.loading`."""
        return {"size": self.stored_size, "channels": self.channels, "resize": self.resize}

    @property
    def training_size(self) -> int:
        """Side of the squares that the host provides in training, pixels."""
        return self.stored_size if self.crop is None else self.size


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scales:
    """The shorter sides, in pixels, at which each test protocol evaluates whole images and averages over them.

    The defaults are the papers' for networks that were trained at 256, or at 256 to 512 pixels.
    """

    dense: Sides = (256,)  # VGG §4.1: Q = S where S was fixed; 384 where it was jittered in 256–512
    multi_crop: Sides = (256, 384, 512)  # VGG §3.2 and §4.3: 50 crops at each of three scales
    multi_scale: Sides = (256, 384, 512)  # VGG §4.2: S jittered; S − 32, S, S + 32 where S was fixed
    crop_144: Sides = (256, 288, 320, 352)  # GoogLeNet §7
    multi_scale_dense: Sides = (224, 256, 384, 480, 640)  # ResNet §3.4

    def __post_init__(self) -> None:
        check(self)
