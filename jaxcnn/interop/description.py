"""What stands beside an exported file, `FILE.json`: how an image becomes its input, and what its outputs mean."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from jaxcnn.config.inputs import Inputs
from jaxcnn.config.serialize import to_json
from jaxcnn.interop.exported_network import LOGITS, PIXELS, ExportedNetwork, visible_side

LAYOUTS = {"onnx": "NCHW", "stablehlo": "NHWC", "safetensors": "NHWC"}  # each as is usual there
MAKERS = {"onnx": ("onnx",), "stablehlo": ("jaxlib",), "safetensors": ("safetensors",)}


def describe_export(
    network: ExportedNetwork, format: str, output: Path, details: dict[str, Any], *, layout: str | None = None
) -> dict[str, Any]:
    """Everything that a program needs to use an exported file, in JSON types.

    Args:
      network: what the file holds.
      format: of the file.
      output: the file.
      details: what only this format has, {"opset": 17}.
      layout: of the images, where it isn't the usual one of the format.
    """
    trained, inputs = network.trained, network.trained.experiment.inputs
    versions = ("jaxcnn", "jax", "flax", *MAKERS[format])
    side, _, channels = network.image_shape
    layout = layout or LAYOUTS[format]
    places = {"N": "batch", "C": channels, "H": side, "W": side}
    return {
        "format": format,
        "file": output.name,
        **details,
        "experiment": trained.experiment.name,
        "variant": trained.experiment.variant,
        "step": trained.step,
        "input": {
            "name": PIXELS,
            "shape": [places[letter] for letter in layout],
            "layout": layout,
            "dtype": "float32",
            "range": [0, 255],
            "colour_order": "RGB" if channels == 3 else "grey",
        },
        "output": {"name": LOGITS, "shape": ["batch", network.classes], "dtype": "float32"},
        "preprocessing": preprocessing(inputs, format),
        "class_names": list(trained.class_names),
        "versions": {name: importlib.metadata.version(name) for name in dict.fromkeys(versions)},
    }


def preprocessing(inputs: Inputs, format: str) -> dict[str, Any]:
    """How an image becomes the network's input: what to do before the file, and what the file does itself."""
    side = visible_side(inputs)
    fields = ("mean", "scale", "whitening", "local_contrast")
    normalisation = {name: to_json(getattr(inputs, name)) for name in fields} | {"channel_order": inputs.channel_order}
    # One number, or one for each channel in the order that the layers see.
    padding = inputs.background[0] if len(inputs.background) == 1 else list(inputs.background)
    if inputs.mean == "picture":
        normalisation["mean"] = "the training set's mean image"
    return {
        "resize": {
            "what": "the whole image" if inputs.resize == "warp" else "the central square of the image",
            "size": inputs.stored_size,
            "filter": "bilinear, antialiased",
        },
        "center_crop": side,
        "normalisation": normalisation,
        "input_size": inputs.size,  # what the layers see, after padding
        "pad": inputs.pad,  # in training, where crops are random, on each side
        "padding": padding if inputs.size > side else None,
        "normalisation_is_in_the_file": format != "safetensors",
    }


def as_metadata(description: dict[str, Any]) -> dict[str, str]:
    """The description for formats whose files take named texts."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in description.items()}
