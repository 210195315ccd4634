"""The run-time checker of jaxcnn's signatures, which `conftest.py` hands to jaxtyping's import hook."""

from collections.abc import Callable

from beartype import BeartypeConf, beartype

# What jaxtyping annotates. Layers and networks are Flax modules: the hook checks their methods like any function.
CHECKED = ("jaxcnn.models", "jaxcnn.augmentation", "jaxcnn.optim", "jaxcnn.training.steps")
CONFIGURATION = BeartypeConf(is_pep484_tower=True)  # a float's place takes a whole number, as type checkers have it


def check(function: Callable) -> Callable:
    """`function`, with its arguments and its result checked against their annotations.

    Constructors are left out: `jaxcnn.ranges` checks the fields of dataclasses and Flax modules, with messages that
    the tests compare.
    """
    if function.__name__ == "__init__":
        return function
    return beartype(conf=CONFIGURATION)(function)
