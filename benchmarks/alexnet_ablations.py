"""AlexNet without each of the things that its paper credits, on a small data set, over several seeds.

python benchmarks/alexnet_ablations.py --data=cifar10 --data-dir=DIR --workdir=runs/ablations

A finished run in the folder is read, not repeated. Small means: pictures of 67 pixels (32 enlarged to 64, in a frame of
4), about the least that AlexNet's layers take, and hidden layers of 1,024 units.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
from rich.console import Console
from rich.table import Table

import jaxcnn
from jaxcnn.config.overrides import set_path
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.optim.schedules import Cosine
from jaxcnn.reporting.progress import automatic


class Change(NamedTuple):
    """A line of the table: what is taken away, by which variant and fields, and what the paper says that it costs."""

    what: str
    variant: str
    overrides: Mapping[str, Any]
    paper: str


CHANGES = (
    Change("the paper's network", "paper", {}, ""),
    Change("no response normalisation", "paper", {"model.use_lrn": False}, "+1.4 points, ImageNet (§3.3)"),
    Change("pooling without overlap", "paper", {"model.pool_size": 2}, "+0.4 points, ImageNet (§3.4)"),
    Change("tanh for ReLU", "paper", {"model.activation": nn.tanh}, "6 times as long to 25 % in training (§3.1)"),
    Change("no colour noise", "paper", {"inputs.colour_std": 0.0}, "over +1 point, ImageNet (§4.1)"),
    Change("one GPU's network", "one_gpu", {}, "+1.7 points, ImageNet (§3.2)"),
)

SMALL: dict[str, Any] = {
    "inputs.size": 67,
    "inputs.pad": 4,
    "inputs.stored_size": 64,
    "model.hidden_units": 1024,
    # As in the rehearsal: the paper's N(0, 0.01²) and biases of 1 take thousands of steps to begin.
    "model.kernel_init": HE_FAN_IN,
    "model.bias_value": 0.0,
    "inputs.scale": 1 / 64,
    "schedule": Cosine(0.01),
    "plateau": None,
    "protocols": ("center",),
    "batch_size": 32,
    "evaluation_batch_size": 200,
}


def train(change: Change, seed: int, flags: argparse.Namespace) -> dict[str, Any]:
    """The summary of one run."""
    experiment = jaxcnn.load(f"alexnet_2012:{change.variant}")
    for path, value in {**SMALL, **change.overrides, "epochs": flags.epochs, "evaluate_every": flags.epochs}.items():
        experiment = set_path(experiment, path, value)
    display = automatic()
    display.message(f"{change.what}, seed {seed}")
    try:
        return jaxcnn.fit(
            experiment,
            data=flags.data,
            data_dir=flags.data_dir,
            workdir=Path(flags.workdir) / f"{change.what.replace(' ', '-')}-{seed}",
            seed=seed,
            display=display,
        )
    finally:
        display.close()


def spread(values: Sequence[float]) -> str:
    """Mean, and the standard deviation of one run."""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """Errors in percent, mean ± standard deviation over the runs (summaries) of each change."""
    shown = Table("network", "test error, %", "training error, last epoch, %", "n", "the paper")
    for change in CHANGES:
        summaries = rows[change.what]
        test = [summary["evaluation"]["center"]["top1_error"] for summary in summaries]
        last = [summary["train"]["top1_error"] for summary in summaries]
        shown.add_row(change.what, spread(test), spread(last), str(len(summaries)), change.paper)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="AlexNet's ablations on a small data set.", allow_abbrev=False)
    parser.add_argument("--data", default="photos")
    parser.add_argument("--data-dir")
    parser.add_argument("--workdir", default="runs/ablations")
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    flags = parser.parse_args(arguments)
    rows: dict[str, list[dict[str, Any]]] = {change.what: [] for change in CHANGES}
    for seed in flags.seeds:
        for change in CHANGES:
            rows[change.what].append(train(change, seed, flags))
    Console().print(table(rows))


if __name__ == "__main__":
    main()
