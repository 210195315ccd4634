"""The results of `describe` and `--list`, as JSON types."""

from typing import Any

from jaxcnn.config.experiment import Experiment, load, names, variants
from jaxcnn.config.serialize import to_json
from jaxcnn.runs.layer_table import LayerTable, layer_table


def describe(experiment: Experiment) -> dict[str, Any]:
    """The layer table of an experiment, the paper's results and claims, and the contradictions between its sources."""
    table = layer_table(experiment)
    inputs = experiment.inputs
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "input_shape": [inputs.size, inputs.size, inputs.channels],
        "layers": [to_json(row) for row in rows_as_json(table)],
        "total_params": table.total_params,
        "total_macs": table.total_macs,
        "total_connections": table.total_connections if has_connections(experiment) else None,
        "auxiliary_params": table.auxiliary_params,
        "paper": to_json({name: getattr(experiment.paper, name) for name in PAPER_FIELDS}),
        "contradictions": list(experiment.paper.contradictions),
        "deviations": list(experiment.deviations),
    }


PAPER_FIELDS = ("title", "authors", "year", "venue", "results", "claims")


def has_connections(experiment: Experiment) -> bool:
    """Whether the paper counts connections, which only LeNet-5's does."""
    return experiment.name == "lenet5_1998"


def rows_as_json(table: LayerTable) -> list[dict[str, Any]]:
    """The rows of a layer table as dictionaries."""
    return [
        {
            "name": row.name,
            "kind": row.kind,
            "output_shape": list(row.output_shape),
            "params": row.params,
            "macs": row.macs,
            "receptive_field": row.receptive_field,
            "connections": row.connections,
            "inputs": list(row.inputs),
        }
        for row in table.rows
    ]


def listing() -> list[dict[str, Any]]:
    """The paper, data set, input shape and number of trainable parameters of every experiment and variant."""
    entries = []
    for name in names():
        for variant in variants(name):
            experiment = load(f"{name}:{variant}")
            inputs = experiment.inputs
            entries.append(
                {
                    "experiment": name,
                    "variant": variant,
                    "paper": f"{experiment.paper.authors}, {experiment.paper.year}",
                    "data": experiment.data,
                    "input_shape": [inputs.size, inputs.size, inputs.channels],
                    "total_params": layer_table(experiment).total_params,
                }
            )
    return entries
