"""A run's network as a file that other programs read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import JaxcnnError, UsageError, nearest
from jaxcnn.interop.description import as_metadata, describe_export
from jaxcnn.interop.examples import example
from jaxcnn.interop.exported_network import LOGITS, PIXELS, ExportedNetwork
from jaxcnn.interop.whole_files import check_writable, write_together
from jaxcnn.runs.folder import local_folder
from jaxcnn.runs.trained import load_trained

LIMIT = 2**31 - 2**24  # bytes: protocol buffers and flat buffers hold less than 2 GiB, with all that isn't weights


def export(
    workdir: str | Path, *, format: str, output: str | Path, experiment: Experiment | None = None
) -> dict[str, Any]:
    """Writes the network of a run's newest checkpoint, and beside it a description, `output` + ".json".

    The network in an ONNX or StableHLO file takes pixels, float32 in 0–255, and normalises them itself. A safetensors
    file holds the arrays alone. An existing file of this name is replaced. Both files are written, or none.

    Args:
      workdir: the run's folder.
      format: "safetensors", "onnx" or "stablehlo".
      output: the file, in a folder that exists.
      experiment: only needed where the run was made from an experiment that isn't a file in `experiments/`.

    Returns:
      The description; and "file", "description_file", "bytes", and "example", a Python program that uses the file.

    Raises:
      UsageError: a value is wrong, the file can't be written, the format needs a package that isn't installed, or ONNX
        doesn't have what the network does.
      DataMissingError, JaxcnnError: there is no complete checkpoint, or a damaged one; the disk is full; the network
        is too large for the format.
    """
    if format not in FORMATS:
        raise UsageError(f"format (={format!r}) is unknown; {nearest(str(format), list(FORMATS))}")
    path = local_folder(output, "--output")
    beside = path.with_name(path.name + ".json")
    check_writable(path, beside)
    make = FORMATS[format]()
    network = ExportedNetwork(load_trained(workdir, experiment=experiment))
    if format != "safetensors":
        check_size(network, format)
    content, description = make(network, path)
    write_together({path: content, beside: _json(description)})
    code = example(description, str(path), str(beside))
    places = {"file": str(path), "description_file": str(beside), "bytes": len(content), "example": code}
    return description | places


Maker = Callable[[ExportedNetwork, Path], tuple[bytes, dict[str, Any]]]  # gives the file and its description


def _safetensors() -> Maker:
    from jaxcnn.interop.safetensors_export import encoded, named_arrays
    from jaxcnn.interop.torch_export import family_of, to_torch, torchvision_call

    def make(network: ExportedNetwork, path: Path) -> tuple[bytes, dict[str, Any]]:
        trained = network.trained
        family = family_of(trained.experiment.model)
        arrays = to_torch(trained.experiment, trained.variables) if family else named_arrays(trained.variables)
        details: dict[str, Any] = {"names": family or "jaxcnn", "arrays": len(arrays)}
        if family:
            details["torchvision"] = torchvision_call(trained.experiment.model)
        layout = "NCHW" if family else "NHWC"
        description = describe_export(network, "safetensors", path, details, layout=layout)
        return encoded(arrays, as_metadata(description)), description

    return make


def _onnx() -> Maker:
    from jaxcnn.interop.to_onnx.convert import to_graph
    from jaxcnn.interop.to_onnx.model_file import OPSET, encoded, require_onnx

    require_onnx()  # before the checkpoint is read

    def make(network: ExportedNetwork, path: Path) -> tuple[bytes, dict[str, Any]]:
        description = describe_export(network, "onnx", path, {"opset": OPSET})
        graph = to_graph(network.logits, network.image_shape, (PIXELS, LOGITS))
        return encoded(graph, network.classes, network.image_shape, as_metadata(description)), description

    return make


def _stablehlo() -> Maker:
    from jaxcnn.interop.stablehlo_export import PLATFORMS, stablehlo

    def make(network: ExportedNetwork, path: Path) -> tuple[bytes, dict[str, Any]]:
        description = describe_export(network, "stablehlo", path, {"platforms": list(PLATFORMS)})
        return stablehlo(network.logits, network.image_shape), description

    return make


FORMATS: dict[str, Callable[[], Maker]] = {"safetensors": _safetensors, "onnx": _onnx, "stablehlo": _stablehlo}


def check_size(network: ExportedNetwork, format: str) -> None:
    """Raises JaxcnnError where the network is too large for a format whose files hold less than 2 GiB."""
    size = sum(array.nbytes for array in jax.tree.leaves(network.trained.variables))
    if size > LIMIT:
        raise JaxcnnError(
            f"the network's arrays are {size / 2**30:.1f} GiB, and a file for format={format} holds less than 2; "
            "use format=safetensors."
        )


def _json(description: dict[str, Any]) -> bytes:
    return (json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
