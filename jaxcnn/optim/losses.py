"""Losses: one float32 value for each example."""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Float32, Int

from jaxcnn.ranges import NonNegative, Positive, check

Logits = Float[Array, "batch classes"]
Labels = Int[Array, "batch"]


@dataclasses.dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """−log softmax(logits)[label].

    >>> SoftmaxCrossEntropy()(jnp.zeros((1, 10)), jnp.array([3])).round(4)  # log 10
    Array([2.3026], dtype=float32)
    """

    def __call__(self, outputs: Logits, labels: Labels) -> Float32[Array, "batch"]:
        """The loss of each example, from the network's logits."""
        return optax.softmax_cross_entropy_with_integer_labels(outputs.astype(jnp.float32), labels)


@dataclasses.dataclass(frozen=True)
class AuxiliaryCrossEntropy:
    """Softmax cross-entropy of the logits, plus `weight` times that of each auxiliary head (GoogLeNet §5).

    The heads run in training alone; at test time the loss is the cross-entropy of the logits.
    """

    weight: NonNegative = 0.3

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, outputs: Logits | tuple[Logits, tuple[Logits, ...]], labels: Labels) -> Float32[Array, "batch"]:
        """The loss of each example, from logits or from (logits, (logits of a head, …))."""
        logits, heads = outputs if isinstance(outputs, tuple) else (outputs, ())
        loss = SoftmaxCrossEntropy()
        return loss(logits, labels) + self.weight * sum((loss(head, labels) for head in heads), jnp.zeros(()))


@dataclasses.dataclass(frozen=True)
class MaximumAPosteriori:
    """LeNet-5's criterion: y_D + log(e^−j + Σ_i e^−y_i), with y the distances (LeCun et al. 1998, eq. 9).

    The constant j is the cost of a "rubbish" class: wrong classes that are already far away are not pushed further.
    The paper gives no value.
    """

    j: Positive

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, outputs: Logits, labels: Labels) -> Float32[Array, "batch"]:
        """The loss of each example, from the scores −y."""
        scores = outputs.astype(jnp.float32)
        rubbish = jnp.full((scores.shape[0], 1), -self.j)
        correct = jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
        return jax.nn.logsumexp(jnp.concatenate([scores, rubbish], axis=1), axis=1) - correct
