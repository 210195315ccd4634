"""Optimizers as the papers write them. Their `update` takes the step's rate as `learning_rate=`."""

import dataclasses
from typing import Any

import jax
import optax

from jaxcnn.optim.levenberg_marquardt import rate_of_each, stochastic_diagonal_levenberg_marquardt
from jaxcnn.ranges import Count, Decay, NonNegative, Positive, check


def scale_by_given_rate() -> optax.GradientTransformationExtraArgs:
    """Multiplies by −learning_rate, an argument of `update`: the rate is an input of the step, not hidden state."""

    def update(updates, state, params=None, **extra):
        del params
        rates = rate_of_each(extra["learning_rate"], updates)
        return jax.tree.map(lambda rate, update: -rate * update, rates, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def is_weight(params: Any) -> Any:
    """Which parameters are kernels: True for them, False for biases and the scales of a normalisation.

    Caffe's networks decay kernels alone.

    >>> is_weight({"kernel": jax.numpy.zeros((3, 3)), "bias": jax.numpy.zeros(3)})
    {'bias': False, 'kernel': True}
    """
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def scale_biases(factor: float) -> optax.GradientTransformation:
    """Multiplies the updates of all parameters except kernels."""

    def scale(update: jax.Array, kernel: bool) -> jax.Array:
        return update if kernel else factor * update

    return optax.stateless(lambda updates, params: jax.tree.map(scale, updates, is_weight(updates)))


@dataclasses.dataclass(frozen=True)
class Momentum:
    """v ← momentum·v − weight_decay·ε·w − ε·∇; w ← w + v (Krizhevsky et al. 2012, §5).

    The rate ε is part of the velocity, so a drop of the rate leaves the velocity as it is. `optax.sgd` and
    `torch.optim.SGD` multiply the velocity by the rate instead, which differs after every drop.
    """

    momentum: Decay = 0.9
    weight_decay: NonNegative = 0.0
    decay_biases: bool = True  # the paper's equation decays every w; False: only kernels
    bias_rate: NonNegative = 1.0  # multiplies the rate of all but kernels; Caffe's and cuda-convnet's networks: 2

    def __post_init__(self) -> None:
        check(self)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation, whose `update` needs `learning_rate=`."""
        mask = None if self.decay_biases else is_weight
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay, mask),
            scale_by_given_rate(),
            *([] if self.bias_rate == 1.0 else [scale_biases(self.bias_rate)]),
            optax.trace(self.momentum),
        )


@dataclasses.dataclass(frozen=True)
class LevenbergMarquardt:
    """Stochastic diagonal Levenberg–Marquardt: ε_k = η / (μ + h_kk) (LeCun et al. 1998, §III-B, Appendix C)."""

    mu: Positive = 0.02
    samples: Count = 500  # images for the estimate of the curvature, which is renewed before each pass
    scale: Positive = 1.0  # multiplies η; the paper's is 1, for batches of 1

    def __post_init__(self) -> None:
        check(self)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation, whose `update` needs `learning_rate=`."""
        return optax.chain(stochastic_diagonal_levenberg_marquardt(self.mu), optax.scale(self.scale))
