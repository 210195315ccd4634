"""Where a step's time goes, with a clock that the test sets."""

import itertools

import jax.numpy as jnp
import pytest

from jaxcnn.training import step_times
from jaxcnn.training.step_times import StepTimes, is_data_bound, shares


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless something takes time."""
    now = [100.0]
    monkeypatch.setattr(step_times.time, "monotonic", lambda: now[0])
    return now


def simulate(clock, *, steps: int, data: float, transfer: float, compute: float) -> dict[str, float]:
    """A window of steps of devices that queue what the host dispatches; durations in seconds.

    data: between two batches of a pipeline that works ahead of the host by one batch.
    transfer, compute: of a batch and a step; they overlap unless one is waited for.
    """
    state = {"data": clock[0], "link": clock[0], "device": clock[0]}
    times = StepTimes()

    def batches():
        for _ in itertools.count():
            state["data"] = max(state["data"], clock[0] - data) + data
            clock[0] = max(clock[0], state["data"])
            yield jnp.zeros(())

    def wait(value):
        clock[0] = max(clock[0], state["link"], state["device"])
        return value

    def place(batch):
        state["link"] = max(clock[0], state["link"]) + transfer
        return batch

    def step(value, batch):
        state["device"] = max(clock[0], state["link"], state["device"]) + compute
        return value

    stream = times.waited_for(batches())
    value = jnp.zeros(())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_times.jax, "block_until_ready", wait)
        times.restart(0)
        for number in range(1, steps + 1):
            placed = times.transferred(place, next(stream))
            value = times.timed(step, value, placed) if number == steps else step(value, placed)
        return times.split(steps)


@pytest.mark.parametrize(
    ("data", "transfer", "compute", "expected"),
    [
        (0.0, 0.0, 0.05, (0, 0, 50)),  # nothing to wait for
        (0.03, 0.001, 0.05, (0, 0, 50)),  # the host waits, but the devices are busy meanwhile
        (0.08, 0.001, 0.05, (30, 0, 50)),  # they aren't for 30 ms of every step
        (0.2, 0.0, 0.01, (190, 0, 10)),
        (0.0, 0.07, 0.05, (0, 20, 50)),  # the link to the devices is the bottleneck
    ],
)
def test_the_split_of_a_step(clock, data, transfer, compute, expected):
    split = simulate(clock, steps=200, data=data, transfer=transfer, compute=compute)
    found = split["waiting_ms"], split["transfer_ms"], split["compute_ms"]
    assert sum(found) == pytest.approx(split["step_ms"])
    assert found == pytest.approx(expected, abs=2)
    assert is_data_bound(split) == (expected[0] > 0)


def test_what_a_person_reads():
    split = {"step_ms": 200.0, "waiting_ms": 150.0, "transfer_ms": 10.0, "compute_ms": 40.0}
    assert shares(split) == "waiting for data 75 %, transfer 5 %, compute 20 % of 200 ms"


def test_a_window_without_a_timed_step_is_all_compute(clock):
    times = StepTimes()
    times.restart(10)
    clock[0] += 3
    assert times.split(13) == {"step_ms": 1000.0, "waiting_ms": 0.0, "transfer_ms": 0.0, "compute_ms": 1000.0}


def test_batches_end_when_the_pipeline_does():
    assert list(StepTimes().waited_for(iter([1, 2]))) == [1, 2]
