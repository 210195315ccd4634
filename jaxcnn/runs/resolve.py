"""The experiment as it runs on the chosen data, checked before the run starts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment, load, names, variants
from jaxcnn.config.overrides import LENGTHS, apply_changes, different_paths, field_types, parse_settings, value_at
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.errors import UsageError
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.layers.shapes import SmallMapError
from jaxcnn.training.layers import check_trained
from jaxcnn.training.network import check_call, check_outputs, check_results

LARGEST = 1024  # pixels that are enough for every network that takes images of any size


def resolve(experiment: Experiment, choice: Choice, settings: Sequence[str], num_classes: int) -> Experiment:
    """The experiment as it runs on the chosen data.

    A rehearsal's overrides come first; what the user changed in Python stays as it is; `settings` come last. All are
    applied before the result is checked, so their order doesn't matter.

    Raises:
      UsageError: a setting is wrong, or the network has too few outputs for the data's classes.
    """
    chosen = chosen_paths(experiment)
    changes: list[tuple[str, Any]] = []
    if choice.rehearsal and experiment.rehearsal is not None:
        for path, value in experiment.rehearsal.overrides.items():
            if any(_covers(theirs, path) for theirs in chosen):
                continue
            changes.append((path, value))
            changes += [(theirs, value_at(experiment, theirs)) for theirs in chosen if _covers(path, theirs)]
    counts_classes = "num_classes" in field_types(experiment.model)
    if counts_classes and not any(_covers(theirs, "model.num_classes") for theirs in chosen):
        changes.append(("model.num_classes", num_classes))
    experiment = apply_changes(experiment, [*changes, *parse_settings(settings)])
    asked = getattr(experiment.model, "num_classes", num_classes)
    if asked < num_classes:
        raise UsageError(f"model.num_classes (={asked}) must be at least {num_classes}, the classes of {choice.name}.")
    check_network(experiment, f"{experiment.id} on {choice.name}")
    check_outputs(experiment, num_classes, choice.name)
    return experiment


def chosen_paths(experiment: Experiment) -> list[str]:
    """Paths of the fields that the user changed in Python, by `override` or otherwise, from what the file has."""
    paths = dict.fromkeys(experiment.chosen)
    if experiment.name in names() and experiment.variant in variants(experiment.name):
        paths |= dict.fromkeys(different_paths(experiment, load(experiment.id)))
    return list(paths)


def not_chosen(experiment: Experiment, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes (path → value) without those of fields that the user has set, whole or a part of them."""
    return without(changes, chosen_paths(experiment))


def without(changes: Mapping[str, Any], set_paths: Iterable[str]) -> dict[str, Any]:
    """The changes (path → value) without those of these fields, of parts of them, and of what they are part of."""
    paths = list(set_paths)
    return {path: value for path, value in changes.items() if not any(_overlap(path, other) for other in paths)}


def _overlap(path: str, other: str) -> bool:
    """Whether one of two fields is the other, or a part of it."""
    return path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")


def _covers(path: str, other: str) -> bool:
    """Whether setting `path` decides what `other` is: the same field, one that it is part of, or the other length."""
    return other == path or other.startswith(f"{path}.") or (path in LENGTHS and other in LENGTHS)


def check_network(experiment: Experiment, what: str) -> None:
    """Checks that the network can be made for its input, without computing anything.

    Raises:
      UsageError: it can't. One line, which begins with `what` and names the layer, and for an input that is too small
        the smallest size that works.
    """
    model, inputs = experiment.model, experiment.inputs
    check_call(model)
    error, shapes = attempt(model, inputs.size, inputs.channels)
    if error is None:
        outputs, variables = shapes
        check_results(model, outputs, variables)
        check_trained(experiment, variables)
        return
    reason = error.reason if isinstance(error, SmallMapError) else str(error).splitlines()[0]
    is_small = isinstance(error, SmallMapError | ZeroDivisionError)
    smallest = smallest_size(model, inputs.channels, above=inputs.size) if is_small else None
    if smallest is None:
        raise UsageError(f"{what}: {reason}") from error
    stored = smallest - 2 * inputs.pad
    also = f", and inputs.stored_size to {stored} or more" if inputs.stored_size < stored else ""
    raise UsageError(
        f"{what}: inputs.size (={inputs.size}) is too small for the network ({reason}); "
        f"set it to {smallest} or more{also}."
    ) from error


def smallest_size(model: nn.Module, channels: int, above: int = 0) -> int | None:
    """The smallest square images for which the network can be made: what takes one size takes larger ones, too.

    Args:
      model: the network.
      channels: of its images.
      above: pixels that are known to be too few.

    Returns:
      Pixels, or None where no size up to `LARGEST` will do.
    """
    enough = max(2 * above, 1)
    while failure(model, enough, channels) is not None:
        above, enough = enough, 2 * enough
        if enough > LARGEST:
            return None
    while enough - above > 1:
        middle = (above + enough) // 2
        if failure(model, middle, channels) is None:
            enough = middle
        else:
            above = middle
    return enough


def failure(model: nn.Module, size: int, channels: int) -> Exception | None:
    """Why the network can't be made for images of `size`×`size` pixels; None where it can."""
    return attempt(model, size, channels)[0]


def attempt(model: nn.Module, size: int, channels: int) -> tuple[Exception | None, tuple[Any, ...]]:
    """(Why the network can't be made, or None; the shapes of (outputs, variables) where it can)."""
    images = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    try:
        with reference_kernels():  # quicker to trace than those for CPU, and the shapes are the same
            outputs, variables = jax.eval_shape(
                lambda images: model.init_with_output(jax.random.key(0), images, train=False), images
            )
    except (
        ValueError,
        TypeError,
        ZeroDivisionError,
    ) as error:  # ZeroDivisionError comes from a user's own layer, given an empty map
        return error, ()
    for path, leaf in jax.tree.leaves_with_path(variables):
        if leaf.size == 0:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            return SmallMapError(f"its {name} is empty, {list(leaf.shape)}"), ()
    return None, (outputs, variables)
