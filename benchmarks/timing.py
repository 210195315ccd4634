"""Contenders that take turns, and what their times say."""

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

SHORTEST = 0.3  # seconds that a turn should take


class Runner(NamedTuple):
    """A contender in one job. Both calls take the number of a batch and return when its work is done."""

    compile_seconds: float
    run: Callable[[int], Any]  # one step
    loss: Callable[[int], float]  # one step, and the mean loss of its batch


Clock = Callable[[], float]


def losses(runners: Mapping[str, Runner], steps: int) -> dict[str, list[float]]:
    """Of each contender in its first and in its last step of so many."""
    found = {}
    for name, runner in runners.items():
        first = runner.loss(0)
        for number in range(1, steps - 1):
            runner.run(number)
        found[name] = [first, runner.loss(steps - 1) if steps > 1 else first]
    return found


def turns(
    runners: Mapping[str, Runner], *, repeats: int, clock: Clock, steps: int | None = None, warm_up: float = 0.0
) -> tuple[int, dict]:
    """(steps of a turn, {name: [seconds a step, …]}): each has a turn of as many steps, `repeats` times round.

    Another contender begins each round, so that nobody always follows the same one.

    Args:
      steps: by default as many as the quickest takes for `SHORTEST` seconds, one of them at least.
      warm_up: seconds of turns before those that count. All are slower at first: on two cores LeNet-5's step took
        8.5 ms for ours and 7.5 for torch.compile, and after four seconds 6.1 and 6.9.
    """
    for runner in runners.values():
        runner.run(0)
    steps = steps or _steps_of(min(_seconds(runner, 1, clock) for runner in runners.values()))
    found: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    gc.collect()
    gc.disable()  # nobody pays for another's garbage
    try:
        began = clock()
        while clock() - began < warm_up:
            for runner in runners.values():
                _seconds(runner, steps, clock)
        for number in range(repeats):
            for place in range(len(names)):
                name = names[(number + place) % len(names)]
                found[name].append(_seconds(runners[name], steps, clock))
    finally:
        gc.enable()
    return steps, found


def _steps_of(seconds: float) -> int:
    return max(round(SHORTEST / max(seconds, 1e-6)), 1)


def _seconds(runner: Runner, steps: int, clock: Clock) -> float:
    """A step's. Of several, after one that isn't counted: it brings the contender's own data back into the caches."""
    if steps > 1:
        runner.run(0)
    began = clock()
    for number in range(steps):
        runner.run(number)
    return (clock() - began) / steps


def summary(seconds: Mapping[str, Sequence[float]], rows: int) -> dict[str, Any]:
    """{name: {"seconds", "images_per_second" (of the median), "images_per_second_best" (of the least)}}."""
    return {
        name: {
            "seconds": list(values),
            "images_per_second": rows / statistics.median(values),
            "images_per_second_best": rows / min(values),
        }
        for name, values in seconds.items()
    }


def ratio(seconds: Mapping[str, Sequence[float]], ours: str, rivals: Sequence[str]) -> dict[str, Any] | None:
    """How many times as quick as the quickest rival (by its median) ours is; None without a rival.

    The median over the rounds, as both ran side by side in each: {"against", "median", "low", "high"}.
    """
    present = [name for name in rivals if name in seconds]
    if not present:
        return None
    best = min(present, key=lambda name: statistics.median(seconds[name]))
    found = [theirs / mine for mine, theirs in zip(seconds[ours], seconds[best], strict=True)]
    return {"against": best, "median": statistics.median(found), "low": min(found), "high": max(found)}


def disagreement(found: Mapping[str, Sequence[float]], ours: str) -> dict[str, float]:
    """The largest relative difference of each one's losses from ours; infinite where one is not a number."""
    mine = found[ours]

    def largest(theirs: Sequence[float]) -> float:
        each = [abs(a - b) / abs(a) for a, b in zip(mine, theirs, strict=True)]
        return float("inf") if any(value != value for value in each) else max(each)

    return {name: largest(theirs) for name, theirs in found.items() if name != ours}
