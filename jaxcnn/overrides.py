"""Replacing one leaf of an experiment, checked against the type that its dataclass declares."""

import ast
import dataclasses
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

import flax.linen as nn

from jaxcnn.errors import UsageError
from jaxcnn.experiment import Experiment, nearest
from jaxcnn.models.forms.rectified import relu

LENGTHS = ("epochs", "steps")
ACTIVATIONS: dict[str, Callable] = {"relu": relu, "tanh": nn.tanh, "sigmoid": nn.sigmoid}


def override(experiment: Experiment, *settings: str) -> Experiment:
    """The experiment with each setting applied: `override(experiment, "batch_size=64", "model.dropout_rate=0.3")`.

    Raises:
      UsageError: no such field, or a value of the wrong type; the message says what is allowed.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write path=value, as in --set batch_size=64.")
        experiment = set_path(experiment, path.strip(), _parse(text.strip()))
    return experiment


def set_path(node: Any, path: str, value: Any, *, whole: str | None = None) -> Any:
    """A copy of the dataclass `node` in which the field at `path` (dots between names) is `value`."""
    whole = whole or path
    head, _, rest = path.partition(".")
    fields = _fields(node)
    if head not in fields:
        raise UsageError(f"{whole}: {type(node).__name__} has no field {head!r}; {nearest(head, list(fields))}")
    current = getattr(node, head)
    if rest:
        if not dataclasses.is_dataclass(current):
            raise UsageError(f"{whole}: {head} (={current!r}) has no fields of its own.")
        value = set_path(current, rest, value, whole=whole)
    else:
        value = _checked(whole, value, current, fields[head])
    changes = {head: value}
    if isinstance(node, Experiment) and head in LENGTHS and value is not None:
        changes = dict.fromkeys(LENGTHS) | changes  # a run has one length
    return dataclasses.replace(node, **changes)


def _fields(node: Any) -> dict[str, Any]:
    """Field name → declared type, without what Flax adds to a module and what `load` fills in."""
    hidden = {"parent", "name"} if isinstance(node, nn.Module) else set()
    if isinstance(node, Experiment):
        hidden = {"paper", "data", "rehearsal", "deviations", "name", "variant"}  # for data there is --data
    hints = typing.get_type_hints(type(node))
    return {field.name: hints[field.name] for field in dataclasses.fields(node) if field.name not in hidden}


def _parse(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # as `ast` documents
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _checked(path: str, value: Any, current: Any, declared: Any) -> Any:
    """`value`, as the declared type wants it. A field declared `Any` takes what has its present type."""
    if current in ACTIVATIONS.values() and not callable(value):
        if not isinstance(value, str) or value not in ACTIVATIONS:
            raise UsageError(f"{path} (={value!r}): {nearest(str(value), list(ACTIVATIONS))}")
        return ACTIVATIONS[value]
    if declared is Any or declared is typing.Any:
        same = type(value) is type(current) or (dataclasses.is_dataclass(value) and dataclasses.is_dataclass(current))
        if not same and current is not None:
            raise UsageError(f"{path} (={value!r}) can't replace {current!r}: set one of its fields instead.")
        return value
    if isinstance(value, list):
        value = tuple(value)
    if _fits(value, declared):
        if isinstance(value, int) and _wants_float(value, declared):
            return float(value)
        return value
    if dataclasses.is_dataclass(current) and not isinstance(current, type):
        names = ", ".join(_fields(current))
        raise UsageError(f"{path} is a {type(current).__name__}: set one of its fields ({names}).")
    raise UsageError(f"{path} (={value!r}) must be {_readable(declared)}; it is {current!r} now.")


def _fits(value: Any, declared: Any) -> bool:
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(_fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    if declared is float:
        finite = isinstance(value, int | float) and abs(value) <= sys.float_info.max
        return finite and not isinstance(value, bool)
    if declared is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(declared, type) and getattr(declared, "_is_protocol", False):
        return dataclasses.is_dataclass(value)
    if origin is not None:  # a callable, a mapping: nothing that can be typed on a command line
        return isinstance(value, origin)
    return isinstance(value, declared)


def _wants_float(value: Any, declared: Any) -> bool:
    options = typing.get_args(declared) or (declared,)
    return isinstance(value, int) and not isinstance(value, bool) and float in options and int not in options


def _readable(declared: Any) -> str:
    if declared is type(None):
        return "None"
    if typing.get_origin(declared) is typing.Literal:
        return " or ".join(repr(option) for option in typing.get_args(declared))
    if typing.get_origin(declared) in (typing.Union, types.UnionType):
        return " or ".join(_readable(option) for option in typing.get_args(declared))
    return declared.__name__ if isinstance(declared, type) and not typing.get_args(declared) else str(declared)
