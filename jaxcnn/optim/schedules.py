"""Learning-rate schedules as values, which are equal when their numbers are equal.

`build(steps_per_epoch=…, total_steps=…)` returns an optax schedule, a function from the step to the rate. Both
arguments describe the experiment's recipe: a run that is shorter or longer follows the same schedule.
"""

import dataclasses
import itertools
from typing import Annotated

import jax.numpy as jnp
import optax

from jaxcnn.errors import UsageError
from jaxcnn.ranges import NOT_EMPTY, Count, NonNegative, Positive, Range, check

Rate = NonNegative  # at 0 only running statistics change
Rates = Annotated[tuple[Rate, ...], NOT_EMPTY]


@dataclasses.dataclass(frozen=True)
class Constant:
    """The same rate at every step; a plateau controller may still divide it."""

    rate: Rate

    def __post_init__(self) -> None:
        check(self)

    def build(self, *, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
        del steps_per_epoch, total_steps
        return optax.constant_schedule(self.rate)


@dataclasses.dataclass(frozen=True)
class PerEpoch:
    """`rates[i]` for `epochs[i]` passes over the training set, whole or in part; then the last rate for good.

    >>> schedule = PerEpoch(rates=(0.1, 0.01), epochs=(2, 1)).build(steps_per_epoch=100, total_steps=300)
    >>> [round(float(schedule(step)), 6) for step in (0, 199, 200)]
    [0.1, 0.1, 0.01]
    """

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
    """`rates[i]` for the steps before `until[i]`; then the last rate, which has no `until`, for good."""

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
    """`rate`, multiplied by `factor` after every `epochs` passes over the training set."""

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
    """From `rate` to 0 along half a cosine, which ends with the recipe, after a linear warm-up from 0."""

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
    """The `--set` flag that lowers the rate of a schedule, for a message.

    >>> how_to_lower(Constant(0.1))
    '--set schedule.rate=…'
    """
    for field in ("rate", "rates"):
        if hasattr(schedule, field):
            return f"--set schedule.{field}={'(…)' if field == 'rates' else '…'}"
    return "--set schedule.…"
