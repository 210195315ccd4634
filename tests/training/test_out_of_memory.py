"""Each way in which memory can be short is one line with what to set; nothing else is taken for it."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_network import LINEAR

from jaxcnn.analysis.bench import bench
from jaxcnn.analysis.dry_run import dry_run
from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Dense
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.fit import fit
from jaxcnn.runs.run import Run
from jaxcnn.training import out_of_memory
from jaxcnn.training.out_of_memory import (
    is_out_of_memory,
    next_accumulate,
    reporting_out_of_memory,
    reporting_step_memory,
)


class Net(nn.Module):
    num_classes: int = 10
    batch_norm: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = Dense(self.num_classes, name="fc", dtype=self.dtype)(images).astype(jnp.float32)
        return BatchNorm(name="bn")(x, train=train) if self.batch_norm else x


SMALL = dataclasses.replace(LINEAR, model=Net(), batch_size=64, steps=2, name="net")
HUGE = 2**62  # images: beyond any memory, on every machine
EXHAUSTED = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 5368709120 bytes.")


def line(error: Exception, experiment: Experiment = SMALL, parts: int = 8) -> str:
    with pytest.raises(JaxcnnError) as caught, reporting_step_memory(experiment, parts):
        raise error
    assert caught.value.exit_status == 1 and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        EXHAUSTED,
        jax.errors.JaxRuntimeError("INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        jax.errors.JaxRuntimeError("INTERNAL: CUBLAS_STATUS_ALLOC_FAILED"),
        MemoryError("std::bad_alloc"),
        np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("int32")),  # pyright: ignore[reportAttributeAccessIssue]
    ],
)
def test_every_name_of_it_is_known(error):
    assert line(error).startswith("out of memory: a step of 64 images needs more than there is")


@pytest.mark.parametrize("size", [2**62, 2**63, 2**100])
def test_arrays_that_no_machine_could_hold_are_known(size):
    with pytest.raises((ValueError, OverflowError, MemoryError)) as caught:
        np.zeros(size, np.int32)
    assert is_out_of_memory(caught.value)


def test_a_number_that_python_cant_count_to_is_known():
    with pytest.raises(OverflowError) as caught:
        len(range(2**100))
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("all the input array dimensions must match"),
        OverflowError("cannot convert float infinity to integer"),
        jax.errors.JaxRuntimeError("INVALID_ARGUMENT: shapes"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Error writing: [OS error 28: ENOSPC No space left on device]"),
        UsageError("out of memory"),
        KeyError("batch_stats"),
    ],
)
def test_nothing_else_is_taken_for_it(error):
    with pytest.raises(type(error)) as caught, reporting_out_of_memory("a step", lambda: pytest.fail("asked")):
        raise error
    assert caught.value is error


def test_what_is_advised_is_what_the_experiment_allows():
    assert line(EXHAUSTED) == (
        "out of memory: a step of 64 images needs more than there is (the last piece asked for: 5 GiB); the same "
        "command goes on with --set remat=sums or --set accumulate=2; another --workdir takes --set batch_size=32."
    )
    saving = dataclasses.replace(SMALL, remat="sums", accumulate=4)
    assert line(EXHAUSTED, saving).endswith(
        "goes on with --set accumulate=8; another --workdir takes --set batch_size=32."
    )
    normalised = dataclasses.replace(SMALL, model=Net(batch_norm=True))
    assert line(EXHAUSTED, normalised).endswith(
        "goes on with --set remat=sums; another --workdir takes --set batch_size=32 or --set accumulate=2."
    )
    least = dataclasses.replace(SMALL, remat="sums", batch_size=8)
    assert line(EXHAUSTED, least).endswith("; it needs a machine with more memory, or more devices.")
    assert next_accumulate(96, 1, 8) == 2 and next_accumulate(24, 1, 8) == 3 and next_accumulate(8, 1, 8) is None
    assert next_accumulate(2**62, 2, 1) == 4


def test_a_step_that_runs_out_of_memory_goes_on_as_advised(tmp_path, monkeypatch):
    """The advice can be followed: the folder takes the same command with it, to nearly the same parameters."""
    whole = fit(SMALL, workdir=tmp_path / "whole", steps=3)
    fit(SMALL, workdir=tmp_path / "run", steps=1)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "train", lambda run: (_ for _ in ()).throw(EXHAUSTED))
        with pytest.raises(JaxcnnError, match=r"goes on with --set remat=sums or --set accumulate=2"):
            fit(SMALL, workdir=tmp_path / "run", steps=3)
    fit(SMALL, workdir=tmp_path / "run", steps=2, settings=["accumulate=2"])
    summary = fit(SMALL, workdir=tmp_path / "run", steps=3, settings=["remat=sums"])
    assert summary["train"]["loss"] == pytest.approx(whole["train"]["loss"], rel=1e-5)
    normalised = dataclasses.replace(SMALL, model=Net(batch_norm=True))
    fit(normalised, workdir=tmp_path / "normalised", steps=1)
    with pytest.raises(UsageError, match=r"its accumulate is 1, here it is 2; choose another --workdir"):
        fit(normalised, workdir=tmp_path / "normalised", steps=2, settings=["accumulate=2"])


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_an_absurd_batch_is_a_line(tmp_path, parallel):
    with pytest.raises(
        JaxcnnError,
        match=r"^out of memory: a step of 4,611,.* images .*choose a much smaller batch_size, and another --w",
    ):
        fit(dataclasses.replace(SMALL, batch_size=HUGE), workdir=tmp_path / "run", parallel=parallel)
    with pytest.raises(JaxcnnError, match=r"^out of memory: .*choose a much smaller batch_size"):
        bench(dataclasses.replace(SMALL, batch_size=HUGE), parallel=parallel)
    with pytest.raises(JaxcnnError, match=r"^out of memory: .*choose a much smaller batch_size"):
        dry_run(dataclasses.replace(SMALL, batch_size=HUGE), data="digits", parallel=parallel)


def test_the_benchmark_has_no_run_to_go_on_with(monkeypatch):
    def short(*_: Any) -> None:
        raise EXHAUSTED

    monkeypatch.setattr(Devices, "shard_batch", short)
    with pytest.raises(JaxcnnError, match=r"; try --set remat=sums or --set accumulate=2 or --set batch_size=32\."):
        bench(SMALL)


def test_an_evaluation_names_its_own_batch(monkeypatch):
    from jaxcnn.data.sources import open_source

    devices = Devices()
    evaluator = Evaluator(dataclasses.replace(SMALL, evaluation_batch_size=96), open_source("digits", "test"), devices)

    def short(*_: Any) -> None:
        raise EXHAUSTED

    monkeypatch.setattr(devices, "shard_rows", short)
    with pytest.raises(JaxcnnError) as caught, reporting_step_memory(SMALL, 8):  # a run's: the nearest one speaks
        evaluator("center", {})
    assert str(caught.value) == (
        "out of memory: an evaluation of 96 images at a time needs more than there is (the last piece asked for: "
        "5 GiB); go on with --set evaluation_batch_size=48."
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Out of memory allocating 5 bytes", "5 bytes"),
        ("out of memory while trying to allocate 3145728 bytes.", "3 MiB"),
        ("Unable to allocate 784. TiB for an array", "784 TiB"),
        ("Out of memory while trying to allocate 1.50GiB.", "1.5 GiB"),
    ],
)
def test_the_memory_asked_for_is_shown(words, shown):
    assert out_of_memory._asked(MemoryError(words)) == f" (the last piece asked for: {shown})"
