"""What a file that `export` wrote says of itself, when its weights are brought back: preprocessing and class names."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from jaxcnn.config.inputs import Whitening
from jaxcnn.errors import UsageError

MARKS = {"experiment", "variant", "preprocessing", "class_names"}  # what `description.as_metadata` always has
SAID = "The preprocessing and the class names are those that the file says, which this program wrote."


@dataclasses.dataclass(frozen=True)
class OwnDescription:
    """The preprocessing of an exported network, and its classes.

    Attributes:
      overrides: path → value, fields of `Inputs`.
      class_names: the name of each output; empty where nobody said.
    """

    overrides: dict[str, Any]
    class_names: tuple[str, ...]


def own_description(metadata: Mapping[str, str]) -> OwnDescription | None:
    """What the texts in a file's header say; None where this program didn't write them.

    Raises:
      UsageError: they have the names of ours, and other content.
    """
    if not metadata.keys() >= MARKS:
        return None
    try:
        overrides = _inputs(json.loads(metadata["preprocessing"]))
        names = json.loads(metadata["class_names"])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("class_names is no list of texts")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"the description in the file's header is damaged ({type(error).__name__}: {error}); export it again."
        ) from error
    return OwnDescription(overrides, tuple(names))


def _inputs(saved: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Inputs` that `description.preprocessing` was made from, but for those of training alone."""
    size, stored, how = saved["input_size"], saved["resize"]["size"], saved["normalisation"]
    if type(size) is not int or type(stored) is not int:
        raise TypeError("a size is no whole number")
    whitening = how["whitening"]
    if whitening is not None:
        whitening = Whitening(norm=whitening["norm"], filter_bias=whitening["filter_bias"])
    replaced = whitening is not None or how["local_contrast"] is not None
    return {
        "inputs.size": size,
        "inputs.stored_size": stored,
        "inputs.pad": saved["pad"],
        "inputs.resize": "warp" if saved["resize"]["what"] == "the whole image" else "shorter_side",
        "inputs.mean": "picture" if isinstance(how["mean"], str) else _numbers(how["mean"]),
        "inputs.scale": _numbers(how["scale"]),
        "inputs.channel_order": how["channel_order"],
        "inputs.whitening": whitening,
        "inputs.local_contrast": how["local_contrast"],
        **({"inputs.colour_std": 0.0} if replaced else {}),  # noise in training, which doesn't go with these two
    }


def _numbers(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
