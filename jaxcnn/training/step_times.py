"""Where the time of a step goes: waiting for data, transfer to the devices, compute.

Steps are dispatched ahead of the devices, so the host's clock alone can't tell: while the host waits for a batch,
the devices may well be busy. So one step in each logged window, and the transfer of one batch, are waited for and
timed by themselves. Time beyond that step's compute, on average, is time in which the devices were idle. It is
attributed first to waiting, up to the time that the host waited for the pipeline, then to transfer, up to the time of a
transfer. The rest, including logs and checkpoints, counts as compute.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jaxcnn.runtime import program

DATA_BOUND = 0.1  # share of a step spent waiting from which data counts as the bottleneck


class StepTimes:
    """Measures one window of steps after the other."""

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, step: int) -> None:
        """Begins a window after this many steps."""
        self._began, self._first = time.monotonic(), step
        self._waited = self._transfer = 0.0
        self._compute: float | None = None

    def waited_for(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches; the time until each arrives counts as waiting."""
        while True:
            began = time.monotonic()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._waited += time.monotonic() - began
            yield batch

    def transferred(self, place: Callable[[Any], Any], batch: Any) -> Any:
        """place(batch), waited for and timed if it is the first of the window."""
        if self._transfer:
            return place(batch)
        began = time.monotonic()
        placed = jax.block_until_ready(place(batch))
        self._transfer = time.monotonic() - began
        return placed

    def timed(self, step: Callable, state: Any, *rest: Any) -> Any:
        """step(state, *rest), begun when the devices are idle, waited for and timed: the window's last step."""
        jax.block_until_ready((state, rest))
        began = time.monotonic()
        result = jax.block_until_ready(step(state, *rest))
        self._compute = time.monotonic() - began
        return result

    def split(self, step: int) -> dict[str, float]:
        """Of a step of this window, milliseconds: {"step_ms", "waiting_ms", "transfer_ms", "compute_ms"}.

        The last three add up to the first.

        step: how many steps there have been by now.
        """
        steps = max(step - self._first, 1)
        whole = (time.monotonic() - self._began) / steps
        idle = max(whole - self._compute, 0.0) if self._compute is not None else 0.0
        waiting = min(self._waited / steps, idle)
        transfer = min(self._transfer, idle - waiting)
        found = {"step": whole, "waiting": waiting, "transfer": transfer, "compute": whole - waiting - transfer}
        return {f"{name}_ms": 1000 * seconds for name, seconds in found.items()}


def is_data_bound(split: dict[str, float]) -> bool:
    """Whether the devices wait for data for a good part of a step."""
    return split["waiting_ms"] > DATA_BOUND * split["step_ms"]


def shares(split: dict[str, float]) -> str:
    """The split as text."""
    parts = (("waiting for data", "waiting_ms"), ("transfer", "transfer_ms"), ("compute", "compute_ms"))
    text = ", ".join(f"{name} {100 * split[key] / split['step_ms']:.0f} %" for name, key in parts)
    return f"{text} of {split['step_ms']:.3g} ms"


def what_to_change(split: dict[str, float], threads: int) -> str:
    """Advice for a data-bound run that decodes with this many threads."""
    return (
        f"data is the bottleneck ({shares(split)}). {threads} threads decode, one a "
        "core: give the run more cores, or fewer other things to do; a compact copy decodes faster "
        f"({program.name()} prepare --resize=256); {program.name()} bench --data=NAME measures the pipeline alone."
    )
