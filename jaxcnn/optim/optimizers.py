"""Optimizers as the papers write them. Each takes the step's rate as `learning_rate=` in `update`."""

import dataclasses

import jax
import optax

from jaxcnn.optim.levenberg_marquardt import stochastic_diagonal_levenberg_marquardt
from jaxcnn.ranges import Count, Decay, NonNegative, Positive, check


def scale_by_given_rate() -> optax.GradientTransformationExtraArgs:
    """Multiplies by −learning_rate, which `update` is given: the rate is an input of a step, not hidden state."""

    def update(updates, state, params=None, **extra):
        del params
        learning_rate = extra["learning_rate"]
        return jax.tree.map(lambda update: -learning_rate * update, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def is_weight(params):
    """True for kernels, False for biases and the scales of a normalisation: what Caffe's networks decay."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def scale_biases(factor: float) -> optax.GradientTransformation:
    """Multiplies the updates of everything but kernels."""

    def scale(update: jax.Array, kernel: bool) -> jax.Array:
        return update if kernel else factor * update

    return optax.stateless(lambda updates, params: jax.tree.map(scale, updates, is_weight(updates)))


@dataclasses.dataclass(frozen=True)
class Momentum:
    """v ← momentum·v − weight_decay·ε·w − ε·∇; w ← w + v (Krizhevsky et al. 2012, §5).

    The rate ε stands inside the velocity, so a drop of the rate leaves the velocity as it was;
    `optax.sgd` and `torch.optim.SGD` multiply the velocity by the rate, which differs after every drop.
    """

    momentum: Decay = 0.9
    weight_decay: NonNegative = 0.0
    decay_biases: bool = True  # the paper's equation decays every w; False: kernels alone
    bias_rate: NonNegative = 1.0  # times the rate for everything but kernels; 2 in Caffe's and cuda-convnet's networks

    def __post_init__(self) -> None:
        check(self)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        mask = None if self.decay_biases else is_weight
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay, mask),
            scale_by_given_rate(),
            *([] if self.bias_rate == 1.0 else [scale_biases(self.bias_rate)]),
            optax.trace(self.momentum),
        )


@dataclasses.dataclass(frozen=True)
class LevenbergMarquardt:
    """Stochastic diagonal Levenberg–Marquardt: ε_k = η / (μ + h_kk) (LeCun et al. 1998, §III-B, appendix C).

    `scale` multiplies η: 1 is the paper's, for batches of 1.
    """

    mu: Positive = 0.02
    samples: Count = 500  # images for the curvature, estimated anew before each pass
    scale: Positive = 1.0

    def __post_init__(self) -> None:
        check(self)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return optax.chain(stochastic_diagonal_levenberg_marquardt(self.mu), optax.scale(self.scale))
