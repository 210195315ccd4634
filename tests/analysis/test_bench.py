"""`bench` measures what it says, on a network of known cost."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from linear_network import LINEAR, Linear

from jaxcnn.analysis.bench import bench, peak_bytes
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import DataMissingError, UsageError

WIDE = dataclasses.replace(
    LINEAR,
    model=Linear(num_classes=64),
    inputs=Inputs(size=16, channels=1, stored_size=16, mean="picture"),
    batch_size=64,
    steps=1,
)


def test_the_figures_fit_together():
    found = bench(WIDE, steps=3)
    assert found["images_per_second"] == pytest.approx(64_000 / found["step_ms_median"])
    assert 0 < found["step_ms_min"] <= found["step_ms_median"] and found["compile_seconds"] > 0
    # On each of 8 devices 8 images: forward and weight gradient, a multiplication and an addition each.
    assert found["flops_per_step"] == 2 * 2 * 8 * 256 * 64
    parameters = 4 * (256 * 64 + 64)
    assert 2 * parameters <= found["peak_bytes"] <= 40 * parameters  # parameters and velocity, at the least
    assert found["collectives"].keys() == {"all-reduce"} and found["device_count"] == 8
    assert (found["experiment"], found["precision"], found["batch_size"]) == ("linear:test", "float32", 64)


def test_a_batch_that_does_not_divide():
    with pytest.raises(UsageError, match=r"batch_size \(=20\) must divide evenly over 8 devices; use 16 or 24"):
        bench(dataclasses.replace(WIDE, batch_size=20), steps=1)


def test_a_backend_may_not_say_how_much_memory():
    compiled: Any = SimpleNamespace(memory_analysis=lambda: None)
    assert peak_bytes(compiled) is None


@pytest.mark.parametrize(("stored", "streams"), [(16, False), (65, True)])
def test_with_a_data_set(stored, streams):
    inputs = dataclasses.replace(WIDE.inputs, size=stored, stored_size=stored, mean=127.0)
    few = dataclasses.replace(WIDE, inputs=inputs, model=Linear(num_classes=2))
    found = bench(few, steps=3, data="digits")["data"]
    assert (found["name"], found["pictures"], found["shorter_side"], found["streams"]) == (
        "digits",
        1438,
        None,
        streams,
    )
    rates = [found[name] for name in ("threads", "pictures_per_second", "pictures_per_second_per_core")]
    assert all(rate > 0 for rate in rates) if streams else rates == [None] * 3
    step = found["with_step"]
    assert step["images_per_second"] == pytest.approx(64_000 / step["step_ms"])
    assert sum(step[name] for name in ("waiting_ms", "transfer_ms", "compute_ms")) == pytest.approx(step["step_ms"])
    assert step["slower_than_alone"] > 0 and isinstance(step["data_bound"], bool)


def test_data_that_is_not_there():
    with pytest.raises(DataMissingError, match="prepare --data=mnist"):
        bench(WIDE, steps=1, data="mnist")
