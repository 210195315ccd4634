"""Converting an experiment to JSON."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn


def to_json(value: Any) -> Any:
    """Converts a value to JSON types: a dataclass to {"type": …, its fields}, a function or class to its name."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return value.__name__
    if dataclasses.is_dataclass(value):
        hidden = {"parent", "name"} if isinstance(value, nn.Module) else set()
        names = [field.name for field in dataclasses.fields(value) if field.name not in hidden]
        return {"type": type(value).__name__, **{name: to_json(getattr(value, name)) for name in names}}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
