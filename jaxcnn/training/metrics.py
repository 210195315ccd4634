"""Metrics are sums and a count, divided once: an example counts the same in a full batch and in the last one."""

import jax
import jax.numpy as jnp
import numpy as np

Sums = dict[str, jax.Array]  # "loss", "top1_errors", "top5_errors", "count": float32 []


def zero_sums() -> dict[str, np.ndarray]:
    """The initial sums, on the host."""
    return {name: np.zeros((), np.float32) for name in ("loss", "top1_errors", "top5_errors", "count")}


def sum_metrics(scores: jax.Array, labels: jax.Array, losses: jax.Array, mask: jax.Array) -> Sums:
    """Sums over a batch. scores [batch, classes]; labels int32 [batch]; losses and mask float32 [batch].

    A label's rank is the number of classes that score above it. Of equal scores the first counts as higher, as
    in `argmax`; a score that is not a number is an error, never a hit.
    """
    correct = jnp.take_along_axis(scores, labels[:, None], axis=1)
    classes = jnp.arange(scores.shape[1], dtype=labels.dtype)[None, :]
    tied_before = (scores == correct) & (classes < labels[:, None])
    rank = ((scores > correct) | tied_before | jnp.isnan(scores)).sum(axis=1)
    return {
        "loss": (losses * mask).sum(),
        "top1_errors": jnp.where(rank >= 1, mask, 0.0).sum(),
        "top5_errors": jnp.where(rank >= 5, mask, 0.0).sum(),
        "count": mask.sum(),
    }


def divide(sums: dict[str, np.ndarray | jax.Array]) -> dict[str, float]:
    """Means of what was summed: {"loss", "top1_error", "top5_error" (percent), "count"}."""
    host = {name: float(value) for name, value in jax.device_get(sums).items()}
    count = host["count"]
    if count == 0:
        raise ValueError("no example was counted.")
    return {
        "loss": host["loss"] / count,
        "top1_error": 100.0 * host["top1_errors"] / count,
        "top5_error": 100.0 * host["top5_errors"] / count,
        "count": int(count),
    }
