"""The `Experiment`: a frozen dataclass of real objects. The files in `experiments/` hold the values."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Annotated, Any, Literal, Protocol

import flax.linen as nn
import jax
import optax

from jaxcnn.config.inputs import Inputs, Scales
from jaxcnn.errors import UsageError, nearest
from jaxcnn.ranges import NOT_EMPTY, Count, Positive, Range, WholeNumber, check

BetweenZeroAndOne = Annotated[float, Range(0, 1, low_open=True, high_open=True)]
Percent = Annotated[float, Range(0, 100)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """An error that the paper reports, in percent, and where it says so.

    Attributes:
      data, protocol: what it was measured on, and how.
      source: the paper's table, or whose figure it is.
      variants: those of our experiment that it is for; none for several networks together, or another recipe.
      settings: (path, value) of the fields that a variant must have for it, where that has been said of it.
    """

    data: str
    source: str
    protocol: str = "center"
    variants: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    top1_error: float | None = None
    top5_error: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A number that a paper or a lecture states about the network, and the number that we count."""

    what: str
    stated: str
    source: str
    counted: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper:
    """The source of an experiment, its reported results, and the contradictions between its sources."""

    title: str
    authors: str
    year: int
    venue: str
    results: tuple[Result, ...] = ()
    claims: tuple[Claim, ...] = ()
    contradictions: tuple[str, ...] = ()


class Loss(Protocol):
    """Maps a network's outputs and labels, int32 [batch], to the loss of each example, float32 [batch]."""

    def __call__(self, outputs: Any, labels: jax.Array) -> jax.Array: ...


class Optimizer(Protocol):
    """Makes an optax transformation whose `update` takes `learning_rate` as an extra argument.

    The rate is a float32 scalar; with `Experiment.rate_multipliers` it is a tree of them, one for each parameter.
    """

    def transformation(self) -> optax.GradientTransformationExtraArgs: ...


class Schedule(Protocol):
    """Makes the learning rate as a function of the step."""

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plateau:
    """Multiplies the learning rate by `factor` when an error has stopped improving."""

    factor: BetweenZeroAndOne = 0.1
    patience: Count = 3  # evaluations without a new best error
    reductions: WholeNumber = 3
    watch: Literal["validation", "training"] = "validation"  # "training": the mean error since the last evaluation

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmUp:
    """Multiplies the learning rate by `factor` until the training error falls below `until_error` percent."""

    factor: Positive
    until_error: Percent

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The same model and code path on embedded images, for a machine without the paper's data."""

    data: str
    overrides: Mapping[str, Any]  # path → value, as for `override`
    baseline: str = ""  # the result of a simple model on the same images
    measured: str = ""  # the result of this rehearsal over several seeds


# Measured by `benchmarks/logistic_regression.py --data=photos --size=32` and `--data=digits --size=8`.
PHOTOS_BASELINE = "logistic regression on the same images at 32×32 pixels: 38.8 % test error"
DIGITS_BASELINE = "logistic regression on the same images: 9.7 % test error"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """One paper's network, recipe and test protocol. Exactly one of `epochs` and `steps` is given."""

    paper: Paper
    model: nn.Module
    data: str
    inputs: Inputs
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    batch_size: Count
    epochs: Positive | None = None
    steps: Count | None = None
    plateau: Plateau | None = None
    warmup: WarmUp | None = None
    clip_norm: Positive | None = None  # limit of the global norm of the mean gradient; the papers have none
    averaging: BetweenZeroAndOne | None = None  # decay of the running average of the parameters, which is evaluated
    init_from: str | None = None  # a run's folder: its parameters and batch statistics are the initial ones …
    init_layers: Annotated[tuple[str, ...], NOT_EMPTY] | None = None  # … of these layers; None: of all
    train_only: Annotated[tuple[str, ...], NOT_EMPTY] | None = None  # layers or beginnings of names: `training.layers`
    # What the rates of layers are multiplied by, Caffe's lr_mult: pairs (layer, factor). A mapping is taken too.
    rate_multipliers: Annotated[tuple[tuple[str, Positive], ...], NOT_EMPTY] | None = None
    protocols: Annotated[tuple[str, ...], NOT_EMPTY] = ("center",)  # the first is the paper's
    scales: Scales = dataclasses.field(default_factory=Scales)  # of the protocols with whole images
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: Count = 1  # micro-batches into which a batch is split, computed in turn to save memory
    remat: Literal["sums"] | None = None  # what is recomputed in the backward pass: see `training.remat`
    evaluate_every: Positive = 1.0  # epochs
    checkpoint_every: Count | None = None  # steps; None: once an epoch, and at least every 1,000 steps
    evaluation_batch_size: Count | None = None  # None: the training batch, or 100 if that is smaller
    rehearsal: Rehearsal | None = None
    deviations: tuple[str, ...] = ()  # departures from the paper, each with what the paper says
    name: str = ""
    variant: str = ""
    chosen: tuple[str, ...] = dataclasses.field(default=(), compare=False)  # paths set by `override`

    def __post_init__(self) -> None:
        given: Any = self.rate_multipliers
        if isinstance(given, Mapping):
            object.__setattr__(self, "rate_multipliers", tuple(given.items()))
        if isinstance(self.rate_multipliers, tuple):
            _refuse_zero(self.rate_multipliers)
        check(self)
        if self.rate_multipliers is not None:  # two orders are one experiment
            pairs = sorted((name, float(factor)) for name, factor in dict(self.rate_multipliers).items())
            object.__setattr__(self, "rate_multipliers", tuple(pairs))
        if (self.epochs is None) == (self.steps is None):
            raise UsageError(
                f"give either epochs (={self.epochs}) or steps (={self.steps}), and set the other to None."
            )

    def rehearsed(self, measured: str) -> "Experiment":
        """A copy with its own measured result of the rehearsal, for variants that share a recipe."""
        assert self.rehearsal is not None, "the experiment has no rehearsal"
        return dataclasses.replace(self, rehearsal=dataclasses.replace(self.rehearsal, measured=measured))

    @property
    def saves_memory(self) -> bool:
        """Whether a step trades time for memory."""
        return self.accumulate > 1 or self.remat is not None

    @property
    def id(self) -> str:
        """The name that `--exp` takes, `name:variant`."""
        return f"{self.name}:{self.variant}"


def _refuse_zero(multipliers: tuple[Any, ...]) -> None:
    for pair in multipliers:
        if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], int | float) and pair[1] == 0:
            raise UsageError(
                f"rate_multipliers: the factor of {pair[0]!r} is 0, and must be positive; to leave layers as they are, "
                "name the others in train_only, which also spares their gradients."
            )


def names() -> list[str]:
    """The names of all experiments, which are the files in `experiments/`."""
    package = importlib.import_module("jaxcnn.experiments")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def variants(name: str) -> list[str]:
    """The variants of an experiment; the first is the default."""
    return list(_module(name).VARIANTS)


def load(title: str) -> Experiment:
    """Loads an experiment.

    Args:
      title: `name` or `name:variant`.

    Raises:
      UsageError: there is no such experiment or variant; the message suggests the nearest.
    """
    name, colon, variant = title.partition(":")
    choices = _module(name).VARIANTS
    variant = variant if colon else next(iter(choices))
    if variant not in choices:
        raise UsageError(f"{name} has no variant {variant!r}; {nearest(variant, list(choices))}")
    return dataclasses.replace(choices[variant], name=name, variant=variant)


def _module(name: str) -> ModuleType:
    if name not in names():
        raise UsageError(f"there is no experiment {name!r}; {nearest(name, names())}")
    return importlib.import_module(f"jaxcnn.experiments.{name}")
