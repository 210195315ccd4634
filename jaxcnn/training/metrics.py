"""Metrics are sums and a count, divided once: an example counts the same in a full batch and in the last one."""

import jax
import jax.numpy as jnp
import numpy as np

Sums = dict[str, jax.Array]  # "loss", "top1_errors", "top5_errors", "count": float32 []
# Of each image, [batch]: "label", "predicted" and "rank" (of the label), int32; "probability" (of what was predicted)
ImageRows = dict[str, jax.Array]


def zero_sums() -> dict[str, np.ndarray]:
    """The initial sums, on the host."""
    return {name: np.zeros((), np.float32) for name in ("loss", "top1_errors", "top5_errors", "count")}


def sum_metrics(scores: jax.Array, labels: jax.Array, losses: jax.Array, mask: jax.Array) -> Sums:
    """Sums over a batch. scores [batch, classes]; labels int32 [batch]; losses and mask float32 [batch]."""
    rank = ranks(scores, labels)
    return {
        "loss": (losses * mask).sum(),
        "top1_errors": jnp.where(rank >= 1, mask, 0.0).sum(),
        "top5_errors": jnp.where(rank >= 5, mask, 0.0).sum(),
        "count": mask.sum(),
    }


def ranks(scores: jax.Array, labels: jax.Array) -> jax.Array:
    """The number of classes that score above each label, int32 [batch]; 0 is a hit.

    Of equal scores the first counts as higher, as in `argmax`; a score that is not a number is an error, never a hit.
    """
    correct = jnp.take_along_axis(scores, labels[:, None], axis=1)
    classes = jnp.arange(scores.shape[1], dtype=labels.dtype)[None, :]
    tied_before = (scores == correct) & (classes < labels[:, None])
    return ((scores > correct) | tied_before | jnp.isnan(scores)).sum(axis=1)


def image_results(scores: jax.Array, probabilities: jax.Array, labels: jax.Array) -> ImageRows:
    """What became of each image of a batch.

    Args:
      scores: float32 [batch, classes], by which classes are ranked.
      probabilities: float32 [batch, classes], of the same classes.
      labels: int32 [batch].
    """
    numbers = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    predicted = jnp.argmax(numbers, axis=1).astype(jnp.int32)
    probability = jnp.take_along_axis(probabilities, predicted[:, None], axis=1)[:, 0]
    return {
        "label": labels,
        "predicted": predicted,
        "probability": probability,
        "rank": ranks(scores, labels).astype(jnp.int32),
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
