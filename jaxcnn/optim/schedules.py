"""Learning rates as values. `build` gives an optax schedule: step → rate.

A schedule's shape belongs to the experiment: it does not change when a run is told to stop early or late.
"""

import dataclasses
import itertools
from typing import Annotated

import jax.numpy as jnp
import optax

from jaxcnn.errors import UsageError
from jaxcnn.ranges import NOT_EMPTY, Count, NonNegative, Positive, Range, check

Rate = NonNegative  # at 0 everything but running statistics stands still
Rates = Annotated[tuple[Rate, ...], NOT_EMPTY]


@dataclasses.dataclass(frozen=True)
class Constant:
    """The same rate throughout (a plateau may still divide it)."""

    rate: Rate

    def __post_init__(self) -> None:
        check(self)

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del steps_per_epoch, total_steps
        return optax.constant_schedule(self.rate)


@dataclasses.dataclass(frozen=True)
class PerEpoch:
    """`rates[i]` for `epochs[i]` passes over the training set, or parts of one; the last rate holds from there on."""

    rates: Rates
    epochs: Annotated[tuple[Positive, ...], NOT_EMPTY]

    def __post_init__(self) -> None:
        check(self)
        if len(self.epochs) != len(self.rates):
            raise UsageError(
                f"epochs (={self.epochs}) must have a value for each of the {len(self.rates)} rates (={self.rates}); "
                "set both."
            )

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del total_steps
        ends = [round(steps_per_epoch * passes) for passes in itertools.accumulate(self.epochs[:-1])]
        return optax.join_schedules([optax.constant_schedule(rate) for rate in self.rates], ends)


@dataclasses.dataclass(frozen=True)
class PerStep:
    """`rates[i]` until step `until[i]`; the last rate holds from there on, and has no `until`."""

    rates: Rates
    until: tuple[Count, ...]

    def __post_init__(self) -> None:
        check(self)
        if len(self.until) != len(self.rates) - 1:
            raise UsageError(
                f"until (={self.until}) must have one value less than rates (={self.rates}), "
                f"so {len(self.rates) - 1}; set both."
            )
        if any(later <= earlier for earlier, later in itertools.pairwise(self.until)):
            raise UsageError(f"until (={self.until}) must rise from each value to the next.")

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del steps_per_epoch, total_steps
        return optax.join_schedules([optax.constant_schedule(rate) for rate in self.rates], list(self.until))


@dataclasses.dataclass(frozen=True)
class StepDecay:
    """The rate, multiplied by `factor` after every `epochs` passes over the training set."""

    rate: Rate
    factor: Annotated[float, Range(0, 1, low_open=True)]
    epochs: Count

    def __post_init__(self) -> None:
        check(self)

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del total_steps
        every = steps_per_epoch * self.epochs
        # `optax.exponential_decay(staircase=True)` floors a float32 quotient: some steps come one too late.
        return lambda step: self.rate * self.factor ** (jnp.asarray(step) // every).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class InverseDecay:
    """rate · (1 + γ·step)^−power: Caffe's `inv` policy."""

    rate: Rate
    gamma: NonNegative
    power: NonNegative

    def __post_init__(self) -> None:
        check(self)

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del steps_per_epoch, total_steps
        return lambda step: self.rate * (1.0 + self.gamma * jnp.asarray(step, jnp.float32)) ** -self.power


@dataclasses.dataclass(frozen=True)
class Cosine:
    """From `rate` to 0 along half a cosine, over the experiment's own length, after a linear warm-up."""

    rate: Rate
    warmup_epochs: NonNegative = 0.0

    def __post_init__(self) -> None:
        check(self)

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        warmup = round(self.warmup_epochs * steps_per_epoch)
        if warmup >= total_steps:
            raise UsageError(
                f"schedule.warmup_epochs (={self.warmup_epochs:g}) are {warmup:,} steps, and the recipe has "
                f"{total_steps:,}; set a shorter warm-up."
            )
        decay = optax.cosine_decay_schedule(self.rate, max(total_steps - warmup, 1))
        joined = optax.join_schedules([optax.linear_schedule(0.0, self.rate, max(warmup, 1)), decay], [warmup])
        return lambda step: joined(jnp.asarray(step, jnp.float32))  # optax's own don't take integers strictly


def how_to_lower(schedule: object) -> str:
    """The setting that lowers the rate of this schedule, whichever of our fields it has."""
    for field in ("rate", "rates"):
        if hasattr(schedule, field):
            return f"--set schedule.{field}={'(…)' if field == 'rates' else '…'}"
    return "--set schedule.…"
