"""Losses, one value an example, in float32."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from jaxcnn.ranges import NonNegative, Positive, check


@dataclasses.dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """−log softmax(logits)[label]."""

    def __call__(self, outputs: jax.Array, labels: jax.Array) -> jax.Array:
        """outputs: logits [batch, classes]; labels: int32 [batch]; result: float32 [batch]."""
        return optax.softmax_cross_entropy_with_integer_labels(outputs.astype(jnp.float32), labels)


@dataclasses.dataclass(frozen=True)
class AuxiliaryCrossEntropy:
    """Softmax cross-entropy of the logits, and `weight` times that of each auxiliary head (GoogLeNet §5).

    The heads exist in training alone; at test time it is the cross-entropy of the logits.
    """

    weight: NonNegative = 0.3

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, outputs: jax.Array | tuple[jax.Array, tuple[jax.Array, ...]], labels: jax.Array) -> jax.Array:
        """outputs: logits [batch, classes], or (logits, (logits of a head, …)); result: float32 [batch]."""
        logits, heads = outputs if isinstance(outputs, tuple) else (outputs, ())
        loss = SoftmaxCrossEntropy()
        return loss(logits, labels) + self.weight * sum((loss(head, labels) for head in heads), jnp.zeros(()))


@dataclasses.dataclass(frozen=True)
class MaximumAPosteriori:
    """LeNet-5's criterion: y_D + log(e^−j + Σ_i e^−y_i), with y the distances (LeCun et al. 1998, eq. 9).

    The constant j is the cost of a "rubbish" class that keeps the penalty of wrong classes that are far off
    anyway from growing; the paper gives no value.
    """

    j: Positive

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, outputs: jax.Array, labels: jax.Array) -> jax.Array:
        """outputs: scores −y, [batch, classes]; labels: int32 [batch]; result: float32 [batch]."""
        scores = outputs.astype(jnp.float32)
        rubbish = jnp.full((scores.shape[0], 1), -self.j)
        correct = jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
        return jax.nn.logsumexp(jnp.concatenate([scores, rubbish], axis=1), axis=1) - correct
