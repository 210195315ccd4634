"""Global contrast normalisation and ZCA whitening, as Goodfellow et al. 2013 (maxout) used them for CIFAR."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Array, Float, Float32

from jaxcnn.data.decoding.decode import Resize
from jaxcnn.data.loading.cache import cache_file, load_or_compute
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import Source

Rows = Float[Array, "batch values"] | Float[np.ndarray, "batch values"]

RECORDS_AT_ONCE = 2048


def global_contrast(images: Rows, norm: float) -> Rows:
    """Subtracts each row's mean and scales the row to this Euclidean norm.

    >>> global_contrast(np.array([[1.0, 2.0, 3.0]]), norm=2**0.5).round(6)
    array([[-1.,  0.,  1.]])
    """
    centred = images - images.mean(axis=1, keepdims=True)
    norms = (centred * centred).sum(axis=1, keepdims=True) ** 0.5
    return centred * (norm / (norms + 1e-8))  # a uniform image stays 0


def zca_whitening(
    source: Source,
    *,
    size: int,
    channels: int,
    norm: float,
    filter_bias: float,
    resize: Resize = "shorter_side",
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, Float32[np.ndarray, "..."]]:
    """The matrix that whitens the images of a training split after `global_contrast`: (x − mean) @ zca.

    zca = V (Λ + filter_bias)^−½ Vᵀ, where V Λ Vᵀ is the covariance over the split. It is computed once and kept beside
    the data set.

    Args:
      source: the training split, of small images.
      size, channels: of every image; with d = size² · channels the result takes 4·d² bytes.
      norm: of `global_contrast`.
      filter_bias: see above.
      resize: how each became a square (`config.inputs.Inputs.resize`).
      cache_dir: where to keep the result; None: beside the data set, or nowhere if that isn't possible.
      progress: called with (description, images so far, images in all).

    Returns:
      {"mean": float32 [d], "zca": float32 [d, d]}, for images flattened in the order height, width, channels.

    Raises:
      RunStoppedError: a file is damaged, or an image and its next ten neighbours are.
    """

    def compute() -> dict[str, np.ndarray]:
        arrays = load_resident(source, size=size, channels=channels, resize=resize, on_damage=lambda image: None)
        images = arrays["image"]
        flat, count, values = images.reshape(len(images), -1), len(images), size**2 * channels
        summed, products = np.zeros(values), np.zeros((values, values))
        for start in range(0, count, RECORDS_AT_ONCE):
            block = global_contrast(flat[start : start + RECORDS_AT_ONCE].astype(np.float32), norm)
            summed += block.sum(axis=0, dtype=np.float64)
            products += block.T @ block
            if progress:
                progress(f"whitening of {source.name}", min(start + RECORDS_AT_ONCE, count), count)
        mean = summed / count
        covariance = products / count - np.outer(mean, mean)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        # Rounding can leave an eigenvalue of 0 a little below it.
        scales = 1 / np.sqrt(np.maximum(eigenvalues, 0) + filter_bias)
        return {"mean": mean.astype(np.float32), "zca": ((vectors * scales) @ vectors.T).astype(np.float32)}

    what = f"zca-{norm:g}-{filter_bias:g}"
    path = cache_file(source, what, size=size, channels=channels, resize=resize, folder=cache_dir)
    return load_or_compute(path, compute)
