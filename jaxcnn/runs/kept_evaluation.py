"""evaluation.json: what the report needs of the test set and of the network, kept at the end of a run.

With it `report` needs neither the data nor a device. Images are in it as PNG, in base64.
"""

import base64
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.class_names import readable_names
from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.sources import Source
from jaxcnn.evaluation.details import details
from jaxcnn.evaluation.image_results import ImageResults
from jaxcnn.reporting.charts.small_images import filter_grid, thumbnail
from jaxcnn.runs.layer_table import layer_table
from jaxcnn.training.network import count_outputs

FILE = "evaluation.json"
HARDEST = 24  # images
SIDE = 96  # pixels of a thumbnail, at most

Tree = Any


def kept_evaluation(
    experiment: Experiment,
    source: Source,
    *,
    step: int,
    class_names: list[str],
    evaluation: Mapping[str, Mapping[str, Any]],
    images: Mapping[str, ImageResults],
    params: Tree,
) -> dict[str, Any]:
    """The content of evaluation.json.

    Args:
      experiment: as it ran.
      source: the test split.
      step: of the evaluated state.
      class_names: of the data that the network was trained on.
      evaluation, images: protocol → its errors, and what became of each image; the first protocol is the paper's.
      params: the parameters, on every device.
    """
    names = readable_names(class_names, count_outputs(experiment))
    first = next(iter(images))
    table, paper = layers(experiment), experiment.paper
    return {
        "step": step,
        "protocol": first,
        "protocols": {name: {**evaluation[name], **details(found, names)} for name, found in images.items()},
        "wrong": int(images[first].wrong.sum()),
        "hardest": hardest(images[first], experiment, source, names),
        "filters": filters(experiment, params),
        "layers": table,
        "paper": {name: getattr(paper, name) for name in ("title", "authors", "year", "venue")},
    }


def layers(experiment: Experiment) -> dict[str, Any]:
    """The layer table in JSON types."""
    table = layer_table(experiment)
    rows = [dataclasses.asdict(row) for row in table.rows]
    return {"rows": rows, "total_params": table.total_params, "total_macs": table.total_macs}


def hardest(
    results: ImageResults, experiment: Experiment, source: Source, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The wrong answers with the highest probability, each with the image as the network's input is cut from it."""
    wrong = np.flatnonzero(results.wrong)
    sure = np.nan_to_num(results.probability[wrong], nan=-1.0)
    chosen = wrong[np.argsort(-sure, kind="stable")][:HARDEST]
    if not len(chosen):
        return []
    inputs = experiment.inputs
    squares = read_batch(source, chosen, size=inputs.stored_size, channels=inputs.channels, resize=inputs.resize)[
        "image"
    ]
    return [
        {
            "record": int(record),
            "label": names[results.label[record]],
            "predicted": names[results.predicted[record]],
            "probability": float(probability) if np.isfinite(probability) else None,
            "png": base64.b64encode(thumbnail(square, SIDE)).decode(),
        }
        for record, probability, square in zip(chosen, results.probability[chosen], squares, strict=True)
    ]


def filters(experiment: Experiment, params: Tree) -> dict[str, Any] | None:
    """The first layer's filters, as in evaluation.json."""
    found = first_filters(experiment, params)
    if found is None:
        return None
    layer, values = found
    return {"layer": layer, "shape": list(values.shape), "png": base64.b64encode(filter_grid(values)).decode()}


def first_filters(experiment: Experiment, params: Tree) -> tuple[str, np.ndarray] | None:
    """The name of the first layer and its filters, float32 [height, width, channels, filters].

    None where it is no convolution over the image, or this process doesn't have all of it.
    """
    rows = layer_table(experiment).rows
    for name in rows[0].name.split(".") if rows else ():
        params = params.get(name, {}) if isinstance(params, Mapping) else {}
    kernel = params.get("kernel") if isinstance(params, Mapping) else None
    if not isinstance(kernel, jax.Array) or kernel.ndim != 4 or kernel.shape[2] != experiment.inputs.channels:
        return None
    if not kernel.is_fully_addressable and not kernel.is_fully_replicated:
        return None
    return rows[0].name, np.asarray(jax.device_get(kernel), np.float32)


def read_kept(folder: Path, step: int) -> dict[str, Any] | None:
    """What was kept of the evaluation at this step; None where nothing was, or it is damaged."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return found if found["step"] == step else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_kept(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the whole file or nothing, without indentation: a matrix of 1,000 classes has a million numbers."""
    temporary = folder / f"{FILE}.part"
    temporary.write_text(json.dumps(content, allow_nan=False, separators=(",", ":")) + "\n", encoding="utf-8")
    temporary.replace(folder / FILE)
