"""Global contrast normalisation and ZCA whitening, as Goodfellow et al. 2013 (maxout) prepared CIFAR."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.data.loading.cache import cache_file, load_or_compute
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import Source

RECORDS_AT_ONCE = 2048


def global_contrast(pictures: Any, norm: float) -> Any:
    """Each row less its mean, and scaled to this Euclidean norm. NumPy's or JAX's float array, [batch, values]."""
    centred = pictures - pictures.mean(axis=1, keepdims=True)
    norms = (centred * centred).sum(axis=1, keepdims=True) ** 0.5
    return centred * (norm / (norms + 1e-8))  # an even picture stays 0


def zca_whitening(
    source: Source,
    *,
    size: int,
    channels: int,
    norm: float,
    filter_bias: float,
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, np.ndarray]:
    """What whitens the pictures of a training split after `global_contrast`: (x − mean) @ zca.

    zca = V (Λ + filter_bias)^−½ Vᵀ, with V Λ Vᵀ the covariance over the split. Computed once and kept beside the
    data set.

    Args:
        source: the training split, of small pictures.
        size, channels: what every picture becomes; with d = size² · channels the result takes 4·d² bytes.
        norm, filter_bias: see above.
        cache_dir: where to keep the result; beside the data set if None, and nowhere if that can't be.
        progress: called with (what, pictures so far, pictures in all).

    Returns:
        {"mean": float32 [d], "zca": float32 [d, d]}, for pictures flattened as height × width × channels.

    Raises:
        RunStoppedError: a file is damaged, or a picture and its next ten neighbours.
    """

    def compute() -> dict[str, np.ndarray]:
        arrays = load_resident(source, size=size, channels=channels, on_damage=lambda picture: None)
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

    path = cache_file(source, f"zca-{norm:g}-{filter_bias:g}", size=size, channels=channels, folder=cache_dir)
    return load_or_compute(path, compute)
