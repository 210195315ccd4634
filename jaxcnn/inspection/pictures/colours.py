"""Values as colours, and images in grey or colours as images with opacity."""

import matplotlib
import numpy as np

SHOWN = 0.995  # of the values of a signal; the others are cut off
SIGNED, POSITIVE, HEAT = "RdBu_r", "viridis", "inferno"


def with_opacity(images: np.ndarray) -> np.ndarray:
    """uint8 [..., 4] of uint8 [..., 1 or 3 or 4]."""
    if images.shape[-1] == 4:
        return images
    colours = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
    return np.concatenate([colours, np.full((*colours.shape[:-1], 1), 255, np.uint8)], axis=-1)


def painted(values: np.ndarray, name: str, low: float, high: float) -> np.ndarray:
    """uint8 [..., 4] of floats, from the colour map's first colour at `low` to its last at `high`."""
    span = high - low if high > low else 1.0
    return (matplotlib.colormaps[name](np.clip((values - low) / span, 0, 1)) * 255).round().astype(np.uint8)


def as_maps(values: np.ndarray) -> np.ndarray:
    """Maps that share a scale, uint8 [..., 4]: white is 0 where there are negative values, dark violet where not."""
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    largest = float(np.abs(values).max(initial=0))
    if float(values.min(initial=0)) < 0:
        return painted(values, SIGNED, -largest, largest)
    return painted(values, POSITIVE, 0, largest)


def each_alone(kernels: np.ndarray) -> np.ndarray:
    """Kernels [count, height, width, 1 or 3], each stretched from its smallest value to its largest, as uint8."""
    low, high = kernels.min(axis=(1, 2, 3), keepdims=True), kernels.max(axis=(1, 2, 3), keepdims=True)
    span = np.where(high > low, high - low, 1)
    return ((kernels - low) / span * 255).round().astype(np.uint8)


def signal(values: np.ndarray) -> np.ndarray:
    """A signal at the image [height, width, 1 or 3] with 0 in the middle of the grey scale, as uint8.

    The few largest values are cut off, or nothing else of a deep unit's signal could be seen.
    """
    strength = np.abs(values)
    largest = float(np.quantile(strength, SHOWN)) or float(strength.max())
    return (127.5 + 127.5 * np.clip(values / (largest or 1.0), -1, 1)).round().astype(np.uint8)


def overlaid(image: np.ndarray, values: np.ndarray, *, opacity: float = 0.55) -> np.ndarray:
    """An image under a map of the same size: the larger a value, the brighter and the more opaque it is.

    Args:
      image: uint8 [height, width, 1 or 3].
      values: 0 or more, float [height, width].
      opacity: of the largest value.

    Returns:
      uint8 [height, width, 4].
    """
    largest = float(values.max(initial=0))
    share = (np.clip(values, 0, None) / largest if largest > 0 else np.zeros_like(values))[..., None]
    colours = painted(share[..., 0], HEAT, 0, 1)[..., :3].astype(np.float32)
    grey = with_opacity(image)[..., :3].astype(np.float32)
    weight = opacity * np.sqrt(share)
    mixed = (1 - weight) * grey + weight * colours
    return with_opacity(mixed.round().astype(np.uint8))
