"""Stochastic diagonal Levenberg–Marquardt: a learning rate for every weight, from its own curvature.

Source: LeCun, Bottou, Bengio & Haffner 1998, §III-B, Appendix C.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


class LevenbergMarquardtState(NamedTuple):
    """The curvature that the last `refresh` put in."""

    curvature: Any  # h_kk of every parameter, a tree of the parameters' shapes; zeros before the first `refresh`


def stochastic_diagonal_levenberg_marquardt(mu: float = 0.02) -> optax.GradientTransformationExtraArgs:
    """w_k ← w_k − η / (μ + h_kk) · ∂E/∂w_k.

    Args:
      mu: keeps the step finite where a weight has no curvature (paper: 0.02).

    Returns:
      A transformation whose `update` needs `learning_rate=` (η, a float or float32 scalar, or a tree of them, one for
      each parameter), as the paper's η depends on the pass. The curvature changes only when `refresh` puts in a new
      estimate. Before the first one it is zero, and every weight's rate is η / μ.
    """

    def init(params: Any) -> LevenbergMarquardtState:
        return LevenbergMarquardtState(jax.tree.map(jnp.zeros_like, params))

    def update(updates, state, params=None, *, learning_rate, **extra):
        del params, extra
        rates = rate_of_each(learning_rate, updates)
        steps = jax.tree.map(lambda rate, g, h: -rate / (mu + h) * g, rates, updates, state.curvature)
        return steps, state

    # Optax's type for `update` lacks the extra arguments, which are what this class is for.
    return optax.GradientTransformationExtraArgs(init, cast(Any, update))


def rate_of_each(learning_rate: Any, updates: Any) -> Any:
    """A rate for each array of `updates`: `learning_rate` where it is such a tree already, else the same for all."""
    if jax.tree.structure(learning_rate) == jax.tree.structure(updates):
        return learning_rate
    return jax.tree.map(lambda _: learning_rate, updates)


def refresh(opt_state: Any, curvature: Any) -> Any:
    """`opt_state` with this curvature in its LevenbergMarquardtState, wherever an `optax.chain` has put it.

    Args:
      opt_state: the optimizer's state.
      curvature: as `diagonal_curvature` returns it.

    Raises:
      ValueError: `opt_state` has no LevenbergMarquardtState.
    """

    def is_ours(node: Any) -> bool:
        return isinstance(node, LevenbergMarquardtState)

    if not any(map(is_ours, jax.tree.leaves(opt_state, is_leaf=is_ours))):
        raise ValueError(
            "opt_state holds no LevenbergMarquardtState: the optimizer must include "
            "stochastic_diagonal_levenberg_marquardt()."
        )
    return jax.tree.map(
        lambda node: LevenbergMarquardtState(curvature) if is_ours(node) else node, opt_state, is_leaf=is_ours
    )


def diagonal_curvature(
    features: Callable[[Any, jax.Array], jax.Array], params: Any, images: Float[Array, "batch height width channels"]
) -> Any:
    """The diagonal of the Gauss–Newton matrix of E, the squared distance to the target, averaged over images.

    E = Σ (x − target)² gives ∂²E/∂x² = 2 for each output x of the features, whatever the target is, so labels
    aren't needed. The second derivatives are then propagated back through the layers like first ones, but with squared
    weights, inputs and slopes; those of a shared weight are summed over its connections. Cross terms between the
    connections that share a weight, and terms with f'', are left out, as in the paper.

    Args:
      features: (params, images) → [batch, n], whose reverse mode carries second derivatives:
        `lambda params, images: model.apply({"params": params}, images, curvature=True, method="features")`.
      params: the parameters.
      images: the sample, as the model takes it (paper: 500 training images, before each pass).

    Returns:
      h_kk of every parameter, a tree like `params`; no value is negative.
    """
    outputs, backward = jax.vjp(lambda tree: features(tree, images), params)
    (curvature,) = backward(jnp.full_like(outputs, 2.0 / images.shape[0]))
    return curvature
