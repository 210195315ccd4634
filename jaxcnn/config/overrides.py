"""Replacing fields of an experiment, checked against the types that its dataclasses declare."""

import ast
import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flax.linen as nn

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError, nearest
from jaxcnn.models.kernels.relu import relu
from jaxcnn.ranges import violated

LENGTHS = ("epochs", "steps")
PAIRS = tuple[tuple[str, float], ...]  # a mapping, as a frozen dataclass holds it
ACTIVATIONS: dict[str, Callable] = {"relu": relu, "tanh": nn.tanh, "sigmoid": nn.sigmoid}


def override(experiment: Experiment, *settings: str) -> Experiment:
    """A copy with settings applied: `override(experiment, "batch_size=64", "model.dropout_rate=0.3")`.

    All settings are applied before they are checked, so their order doesn't matter; if a field is set twice, the last
    value counts. `Experiment.chosen` records their paths, and a rehearsal doesn't change those fields.

    Raises:
      UsageError: there is no such field, or the value has the wrong type or is out of range; the message says what is
        allowed.
    """
    changes = parse_settings(settings)
    paths = tuple(dict.fromkeys(path for path, _ in changes))
    chosen = (*(path for path in experiment.chosen if path not in paths), *paths)
    return dataclasses.replace(apply_changes(experiment, changes), chosen=chosen)


def parse_settings(settings: Sequence[str]) -> list[tuple[str, Any]]:
    """Parses ["path=value"] into [(path, value)]. Raises UsageError for any other form."""
    if isinstance(settings, str):
        raise UsageError(f"settings (={settings!r}) must be a list of texts, as in settings=[{settings!r}].")
    changes = []
    for setting in settings:
        path, equals, text = str(setting).partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write path=value, as in --set batch_size=64.")
        changes.append((path.strip(), _parse(text.strip())))
    return changes


def set_path(node: Any, path: str, value: Any) -> Any:
    """A copy of the dataclass `node` in which the field at `path` (dots between names) is `value`."""
    return apply_changes(node, [(path, value)])


def apply_changes(node: Any, changes: Iterable[tuple[str, Any]]) -> Any:
    """A copy of the dataclass `node` with each (path, value) applied in order, then checked once."""
    draft = Draft(node)
    for path, value in changes:
        draft.set(path, value)
    return draft.build()


class Draft:
    """A mutable copy of a dataclass, checked only when it is built, so that intermediate states may be invalid."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._changes: dict[str, Any] = {}  # field → new value, or the draft of one

    def set(self, path: str, value: Any, *, whole: str | None = None) -> None:
        """Sets the field at `path`. Raises UsageError for an unknown field or a value of the wrong type."""
        whole = whole or path
        head, _, rest = path.partition(".")
        fields = field_types(self._node)
        if head not in fields:
            raise UsageError(
                f"{whole}: {type(self._node).__name__} has no field {head!r}; {nearest(head, list(fields))}"
            )
        current = self._changes.get(head, getattr(self._node, head))
        if rest:
            if not isinstance(current, Draft):
                if not dataclasses.is_dataclass(current):
                    raise UsageError(f"{whole}: {head} (={current!r}) has no fields of its own.")
                current = self._changes[head] = Draft(current)
            current.set(rest, value, whole=whole)
            return
        if isinstance(current, Draft):
            current = current._node
        if isinstance(self._node, Experiment) and head in LENGTHS and value is not None:
            self._changes |= dict.fromkeys(LENGTHS)  # setting one length clears the other
        self._changes[head] = _checked(whole, value, current, fields[head])

    def build(self, where: str = "") -> Any:
        """Makes the dataclass. Raises UsageError with the path in front of the dataclass's own message."""
        changes = {
            name: value.build(f"{where}{name}.") if isinstance(value, Draft) else value
            for name, value in self._changes.items()
        }
        try:
            return dataclasses.replace(self._node, **changes)
        except UsageError as error:
            raise UsageError(f"{where}{error}") from error


def value_at(node: Any, path: str) -> Any:
    """The value of the field at `path`."""
    return functools.reduce(getattr, path.split("."), node)


def has_path(node: Any, path: str) -> bool:
    """Whether there is a field at `path`."""
    try:
        value_at(node, path)
    except AttributeError:
        return False
    return True


def different_paths(mine: Any, theirs: Any, where: str = "") -> list[str]:
    """The paths, as `override` takes them, of the fields in which two dataclasses of one type differ."""
    found: list[str] = []
    for name in field_types(mine):
        one, other = getattr(mine, name), getattr(theirs, name)
        if dataclasses.is_dataclass(one) and type(one) is type(other):
            found += different_paths(one, other, f"{where}{name}.")
        elif one != other:
            found.append(f"{where}{name}")
    return found


def field_types(node: Any) -> dict[str, Any]:
    """Maps field names to declared types, without the fields that Flax adds and those that can't be set."""
    hidden = {"parent", "name"} if isinstance(node, nn.Module) else set()
    if isinstance(node, Experiment):
        hidden = {"paper", "data", "rehearsal", "deviations", "name", "variant", "chosen"}  # for data there is --data
    hints = typing.get_type_hints(type(node))
    return {field.name: hints[field.name] for field in dataclasses.fields(node) if field.name not in hidden}


def _parse(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # as `ast` documents
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _checked(path: str, value: Any, current: Any, declared: Any) -> Any:
    """`value` converted to the declared type; a field declared `Any` takes values of its current type.

    Raises:
      UsageError: the value has another type.
    """
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
    if declared == PAIRS | None and isinstance(value, dict) and value and _fits(tuple(value.items()), PAIRS):
        value = tuple(value.items())
    if _fits(value, declared):
        if isinstance(value, int) and _wants_float(value, declared):
            return float(value)
        return value
    if dataclasses.is_dataclass(current) and not isinstance(current, type):
        names = ", ".join(field_types(current))
        raise UsageError(f"{path} is a {type(current).__name__}: set one of its fields ({names}).")
    raise UsageError(f"{path} (={value!r}) must be {_readable(declared)}; it is {current!r} now.")


def _fits(value: Any, declared: Any) -> bool:
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in arguments)
    if isinstance(declared, type) and getattr(declared, "_is_protocol", False):
        return dataclasses.is_dataclass(value)
    if origin in (tuple, typing.Literal) or declared in (int, float, bool, str, type(None)):
        return violated(value, declared) is None
    # A callable or a mapping, which no command line can express.
    return isinstance(value, origin or declared)


def _wants_float(value: Any, declared: Any) -> bool:
    options = typing.get_args(declared) or (declared,)
    return isinstance(value, int) and not isinstance(value, bool) and float in options and int not in options


def _readable(declared: Any) -> str:
    if declared is type(None):
        return "None"
    if declared == PAIRS:
        return "a mapping of names to numbers, such as {'fc8': 10.0},"
    if typing.get_origin(declared) is typing.Literal:
        return " or ".join(repr(option) for option in typing.get_args(declared))
    if typing.get_origin(declared) in (typing.Union, types.UnionType):
        return " or ".join(_readable(option) for option in typing.get_args(declared))
    return declared.__name__ if isinstance(declared, type) and not typing.get_args(declared) else str(declared)
