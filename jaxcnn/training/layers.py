"""Layers by name: which of them an experiment trains, and at which rates (`train_only`, `rate_multipliers`).

A layer's name is its path in the network, "fc8" or "5b.1x1", as `describe` shows it. What a person gives is the name of
a layer or a block, which means all that is within ("conv1" is conv1 and conv1.bn); or else the beginning of some
layers' names ("s3_").
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError, first_line

Tree = Any
SHOWN = 12  # layers in a message


def layer_names(variables: Mapping[str, Tree]) -> list[str]:
    """The names of all layers that have variables. variables: {"params", "batch_stats"}."""
    kinds = (variables["params"], variables.get("batch_stats", {}))
    return list(dict.fromkeys(layer for kind in kinds for layer in _layers_of(kind)))


def trained_layers(train_only: Collection[str] | None, variables: Mapping[str, Tree]) -> frozenset[str]:
    """The names of the layers that are trained.

    Args:
      train_only: of the experiment; None: all.
      variables: {"params", "batch_stats"} of the network, or their shapes.

    Raises:
      UsageError: no layer has one of the names, or what they name has no parameters.
    """
    layers = layer_names(variables)
    if train_only is None:
        return frozenset(layers)
    chosen = frozenset(layer for name in train_only for layer in named(name, layers, "train_only"))
    if not jax.tree.leaves(part(variables["params"], chosen)):
        raise UsageError(f"train_only (={tuple(train_only)!r}) names no layer with parameters; name one that has some.")
    return chosen


def rate_factors(
    rate_multipliers: Collection[tuple[str, float]] | None,
    train_only: Collection[str] | None,
    variables: Mapping[str, Tree],
) -> dict[str, float]:
    """Layer → what its rate is multiplied by, of those layers that are named; the longest name of a layer counts.

    Raises:
      UsageError: a name is no layer's, or only that of layers that `train_only` leaves out.
    """
    layers, trained = layer_names(variables), trained_layers(train_only, variables)
    factors: dict[str, float] = {}
    for name, factor in sorted(rate_multipliers or (), key=lambda pair: len(pair[0])):
        moved = [layer for layer in named(name, layers, "rate_multipliers") if layer in trained]
        if not moved:
            raise UsageError(
                f"rate_multipliers: {name!r} isn't trained, as train_only (={train_only!r}) leaves it out."
            )
        factors |= dict.fromkeys(moved, factor)
    return factors


def check_trained(experiment: Experiment, variables: Mapping[str, Tree]) -> None:
    """Raises UsageError where `train_only` or `rate_multipliers` don't suit the network, or its optimizer."""
    trained = part(variables["params"], trained_layers(experiment.train_only, variables))
    factors = rate_factors(experiment.rate_multipliers, experiment.train_only, variables)
    if not factors:
        return
    optimizer = experiment.optimizer.transformation()

    def update(params: Tree, rate: jax.Array) -> Tree:
        each = rates(rate, factors, params)
        return optimizer.update(params, optimizer.init(params), params, learning_rate=each)

    try:
        jax.eval_shape(update, trained, jax.ShapeDtypeStruct((), jnp.float32))
    except TypeError as error:
        raise UsageError(
            f"rate_multipliers: the update of {type(experiment.optimizer).__name__} doesn't take a tree as "
            f"learning_rate, a rate for each parameter ({first_line(error)})."
        ) from error


def rates(rate: jax.Array, factors: Mapping[str, float], params: Tree) -> Any:
    """`rate` itself where there are no factors, else a tree like `params` with each parameter's rate."""
    if not factors:
        return rate

    def of(path: tuple[Any, ...], _: Any) -> jax.Array:
        factor = factors.get(_layer(tuple(str(key.key) for key in path)), 1.0)
        return rate if factor == 1.0 else factor * rate

    return jax.tree_util.tree_map_with_path(of, params)


def description(train_only: Collection[str] | None, variables: Mapping[str, Tree]) -> str | None:
    """How much of the network is trained, for a person; None where all of it is."""
    if train_only is None:
        return None
    trained = trained_layers(train_only, variables)
    layers = [layer for layer in layer_names(variables) if layer in trained]
    moved, whole = (
        sum(leaf.size for leaf in jax.tree.leaves(tree))
        for tree in (part(variables["params"], trained), variables["params"])
    )
    return f"trains {some(layers)} alone: {moved:,} of {whole:,} parameters; the other layers stand still"


def named(name: str, layers: Collection[str], field: str) -> list[str]:
    """The layers that a name means.

    >>> named("conv1", ["conv1", "conv1.bn", "conv10"], "train_only"), named("fc", ["fc6", "fc7"], "train_only")
    (['conv1', 'conv1.bn'], ['fc6', 'fc7'])

    Raises:
      UsageError: it means none; the message begins with `field`.
    """
    found = [layer for layer in layers if layer == name or layer.startswith(f"{name}.")]
    found = found or [layer for layer in layers if name and layer.startswith(name)]
    if found:
        return found
    near = difflib.get_close_matches(name, layers, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"{field}: no layer with parameters is called {name!r}; {question}There are {some(layers)}.")


def some(names: Collection[str], shown: int = SHOWN) -> str:
    """The first names, for a message."""
    return ", ".join(list(names)[:shown]) + (", …" if len(names) > shown else "")


def part(tree: Tree, layers: Collection[str]) -> Tree:
    """What a tree of variables has of these layers."""
    return _picked(tree, lambda layer: layer in layers)


def without(tree: Tree, layers: Collection[str]) -> Tree:
    """What a tree of variables has beside these layers."""
    return _picked(tree, lambda layer: layer not in layers)


def merged(tree: Tree, changes: Tree) -> Tree:
    """`tree` with what `changes`, a part of it, has in its place."""
    return {
        name: changes.get(name, value) if not isinstance(value, Mapping) else merged(value, changes.get(name, {}))
        for name, value in tree.items()
    }


def _picked(tree: Tree, keep: Callable[[str], bool], path: tuple[str, ...] = ()) -> Tree:
    kept = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            inner = _picked(value, keep, (*path, name))
            if inner or not value:
                kept[name] = inner
        elif keep(_layer((*path, name))):
            kept[name] = value
    return kept


def _layers_of(tree: Tree, path: tuple[str, ...] = ()) -> list[str]:
    """The layer of each variable in a tree."""
    found = []
    for name, value in tree.items():
        inner = (*path, name)
        found += _layers_of(value, inner) if isinstance(value, Mapping) else [_layer(inner)]
    return found


def _layer(path: tuple[str, ...]) -> str:
    """The layer that has the variable at this path; a variable of the network itself counts as a layer."""
    return ".".join(path[:-1] or path)
