"""The networks of `train_step.py`: which experiments' they are, and what of those is measured."""

import dataclasses
from typing import NamedTuple

import jaxcnn
from benchmarks.workload import MEAN, SCALE, Workload
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import UsageError, nearest
from jaxcnn.optim.losses import AuxiliaryCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant


class Entry(NamedTuple):
    title: str  # as for `--exp`
    function: str  # in `networks`
    batch_size: int
    small: int  # pixels, for a quick look
    # For the comparison of losses: with the recipe's rate, and random labels, rounding differences grow too quickly.
    # How long a step takes doesn't depend on it.
    rate: float


NETWORKS = {
    "lenet5": Entry("lenet5_1998:modern", "lenet5", 128, 28, 0.01),
    "alexnet": Entry("alexnet_2012:paper", "alexnet", 16, 67, 0.0001),
    "nin": Entry("nin_2013:cifar10", "nin", 32, 32, 0.001),
    "vgg16": Entry("vgg_2014:D", "vgg", 4, 32, 0.000001),
    "googlenet": Entry("googlenet_2014:paper", "googlenet", 8, 79, 0.0003),
    "resnet20": Entry("resnet_cifar_2015:20", "cifar_resnet", 128, 32, 0.0003),
    "resnet50": Entry("resnet_2015:50", "resnet", 8, 64, 0.000003),
}


def make_workload(name: str, *, batch_size: int | None = None, size: int | None = None, drop: bool = False) -> Workload:
    """The task of one of `NETWORKS`; batch_size and size (pixels): by default those of the table and the experiment.

    Raises:
      UsageError: there is no such network.
    """
    if name not in NETWORKS:
        raise UsageError(f"--networks: there is no network {name!r}; {nearest(name, list(NETWORKS))}")
    entry = NETWORKS[name]
    experiment = jaxcnn.load(entry.title)
    recipe, loss = experiment.optimizer, experiment.loss
    assert isinstance(recipe, Momentum)
    return Workload(
        name=name,
        function=entry.function,
        size=size or experiment.inputs.size,
        channels=experiment.inputs.channels,
        classes=getattr(experiment.model, "num_classes", 10),
        batch_size=batch_size or entry.batch_size,
        rate=entry.rate,
        **dataclasses.asdict(recipe),
        aux_weight=loss.weight if isinstance(loss, AuxiliaryCrossEntropy) else 0.0,
        drop=drop,
    )


def experiment_of(task: Workload) -> Experiment:
    """Ours: a constant rate, one mean and scale, nothing random but dropout, no Polyak average, no plateau."""
    experiment = jaxcnn.load(NETWORKS[task.name].title)
    model = experiment.model
    if not task.drop:
        rates = [field.name for field in dataclasses.fields(model) if field.name.endswith("dropout_rate")]
        model = model.clone(**dict.fromkeys(rates, 0.0))
    return dataclasses.replace(
        experiment,
        model=model,
        inputs=Inputs(size=task.size, channels=task.channels, stored_size=task.size, mean=MEAN, scale=SCALE),
        schedule=Constant(task.rate),
        batch_size=task.batch_size,
        averaging=None,
        plateau=None,
        warmup=None,
    )
