"""One-line errors for running out of memory in a step or a test batch, with the settings that help.

The same problem has many names: XLA's RESOURCE_EXHAUSTED on every platform, Python's and NumPy's MemoryError, and for
batches beyond any memory a ValueError or OverflowError about the size of an array. If the system
overcommits memory, Linux kills the process instead (SIGKILL, status 137), and no message is possible.
"""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import JaxcnnError
from jaxcnn.training.network import has_batch_norm

Function = TypeVar("Function", bound=Callable[..., Any])

MORE = "it needs a machine with more memory, or more devices"
BATCH_ITSELF = "its images alone don't fit; choose a much smaller batch_size, and another --workdir."
SIGNS = re.compile(r"RESOURCE_EXHAUSTED|out of memory|OUT_OF_MEMORY|ALLOC_FAILED|bad_alloc", re.IGNORECASE)
# NumPy's and Python's words for an array that no machine could hold.
TOO_LARGE = re.compile(r"array is too big|Maximum allowed (dimension|size) exceeded|int too (large|big) to convert")
DISK = re.compile(r"No space left on device|Disk quota exceeded")  # RESOURCE_EXHAUSTED too, where TensorStore writes
SIZES = re.compile(r"allocat\w* (?P<bytes>\d+) bytes|allocate (?P<count>[\d.]+) ?(?P<unit>[KMGTPE]iB)")
UNITS = {"EiB": 2**60, "PiB": 2**50, "TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, of whatever library, means that there isn't enough memory."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, jax.errors.JaxRuntimeError):
        return bool(SIGNS.search(str(error))) and not DISK.search(str(error))
    return isinstance(error, ValueError | OverflowError) and bool(TOO_LARGE.search(str(error)))


def is_too_large_for_the_host(error: BaseException) -> bool:
    """Whether NumPy couldn't make an array of it: what a step does with it then makes no difference."""
    return not isinstance(error, jax.errors.JaxRuntimeError) and "bad_alloc" not in str(error)


@contextlib.contextmanager
def reporting_out_of_memory(what: str, advice: Callable[[], str]) -> Iterator[None]:
    """Turns every way of running out of memory into one JaxcnnError: what needed it, how much, and what to set.

    Args:
      what: needs the memory, as in "a step of 128 images".
      advice: the end of the line; only asked for then.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, JaxcnnError) or not is_out_of_memory(error):
            raise
        what_to_do = BATCH_ITSELF if is_too_large_for_the_host(error) else advice()
        raise JaxcnnError(f"out of memory: {what} needs more than there is{_asked(error)}; {what_to_do}") from error


def reporting_step_memory(experiment: Experiment, batch_parts: int) -> contextlib.AbstractContextManager[None]:
    """For what a run allocates to train: its state, the data on the devices, the step.

    batch_parts: over how many devices the batch is divided.
    """

    def advice() -> str:
        free, others = settings_for_less(experiment, batch_parts)
        if "accumulate" in free and has_batch_norm(experiment):
            others["accumulate"] = free.pop("accumulate")
        ways = [f"the same command goes on with {_flags(free)}"] if free else []
        ways += [f"another --workdir takes {_flags(others)}"] if others else []
        return f"{'; '.join(ways) or MORE}."

    return reporting_out_of_memory(f"a step of {experiment.batch_size:,} images", advice)


def telling_out_of_memory(function: Function) -> Function:
    """Decorator for functions of an experiment that compile or run its step outside of a run."""

    @functools.wraps(function)
    def telling(experiment: Experiment, *arguments: Any, **options: Any) -> Any:
        def advice() -> str:
            free, others = settings_for_less(experiment, len(jax.devices()))
            return f"try {_flags(free | others)}." if free or others else f"{MORE}."

        with reporting_out_of_memory(f"a step of {experiment.batch_size:,} images", advice):
            return function(experiment, *arguments, **options)

    return cast(Function, telling)


def settings_for_less(experiment: Experiment, batch_parts: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings, field → value, that lower a step's memory.

    Args:
      batch_parts: over how many devices the batch is divided.

    Returns:
      (settings that change the step's numbers only by rounding, apart from batch normalisation, which sees other
      batches under `accumulate`; settings that change them).
    """
    size, free, others = experiment.batch_size, {}, {}
    if experiment.remat is None:
        free["remat"] = "sums"
    more = next_accumulate(size, experiment.accumulate, batch_parts)
    if more is not None:
        free["accumulate"] = more
    if size > batch_parts:
        others["batch_size"] = _half(size, batch_parts)
    return free, others


def next_accumulate(batch_size: int, present: int, batch_parts: int) -> int | None:
    """The next larger number of micro-batches, at least twice as many, that divides the batch, or None.

    Looks no further than to 64 times the present one: beyond, the batch itself is what is wrong.
    """
    numbers = range(2 * present, min(64 * present, batch_size // batch_parts) + 1)
    return next((number for number in numbers if batch_size % (number * batch_parts) == 0), None)


def reporting_evaluation_memory(
    batch_size: int, batch_parts: int, *, whole: bool
) -> contextlib.AbstractContextManager[None]:
    """For an evaluation.

    Args:
      batch_size: images at a time.
      batch_parts: over how many devices they are divided.
      whole: whether the protocol looks at whole images, at the experiment's scales.
    """

    def advice() -> str:
        settings = []
        if batch_size > batch_parts:
            settings.append(_flags({"evaluation_batch_size": _half(batch_size, batch_parts)}))
        if whole:
            settings.append("eval with smaller scales (--set scales.…)")
        return f"go on with {' or '.join(settings)}." if settings else f"{MORE}."

    return reporting_out_of_memory(f"an evaluation of {batch_size:,} images at a time", advice)


def _half(rows: int, batch_parts: int) -> int:
    """About half as many rows, which divide over the devices."""
    return max(rows // 2 // batch_parts, 1) * batch_parts


def _flags(settings: dict[str, Any]) -> str:
    return " or ".join(f"--set {path}={value}" for path, value in settings.items())


def _asked(error: BaseException) -> str:
    """The size of the allocation that failed, if the error says it."""
    found = SIZES.search(str(error))
    if found is None:
        return ""
    size = int(found["bytes"]) if found["bytes"] else float(found["count"]) * UNITS[found["unit"]]
    name, unit = next(((name, unit) for name, unit in UNITS.items() if size >= unit), ("bytes", 1))
    return f" (the last piece asked for: {size / unit:,.3g} {name})"
