"""Within the training loop nothing moves between host and devices unless the code says so."""

import jax
import numpy as np
import pytest
from jax._src.array import ArrayImpl  # the class whose conversions to Python's numbers are implicit transfers

import jaxcnn
from jaxcnn.config.overrides import override
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.run import Run
from jaxcnn.runs.step_log import StepLog

MODERN = override(jaxcnn.load("lenet5_1998:modern"), "batch_size=64", "evaluation_batch_size=360")


@pytest.fixture
def explicit_only(monkeypatch):
    """Implicit transfers to the host fail within `Run.train`. JAX's own guard doesn't see them on CPU."""
    training = []

    def refusing(name):
        convert = getattr(ArrayImpl, name)

        def refuse(array, *arguments):
            if training:
                pytest.fail(f"implicit device-to-host transfer: {name} of an array {array.shape}")
            return convert(array, *arguments)

        return refuse

    for name in ("__float__", "__int__", "__bool__", "__index__", "__iter__"):
        monkeypatch.setattr(ArrayImpl, name, refusing(name))
    train = Run.train

    def watched(run):
        training.append(run)
        try:
            train(run)
        finally:
            training.clear()

    monkeypatch.setattr(Run, "train", watched)


@pytest.mark.parametrize(
    ("experiment", "parallel"),
    [
        (MODERN, "jit"),
        (MODERN, "pmap"),
        (override(jaxcnn.load("lenet5_1998"), "batch_size=8", "evaluation_batch_size=360"), "jit"),  # curvature
    ],
)
def test_a_run_has_explicit_transfers_alone(experiment, parallel, tmp_path, explicit_only):
    summary = jaxcnn.fit(experiment, data="digits", workdir=tmp_path, steps=3, parallel=parallel)
    assert summary["steps"] == 3


def keep_on_host(devices, batch):
    return batch


def read_implicitly(log, step, loss):
    bool(jax.device_put(np.zeros((), np.float32)))


def make_on_device(log, step, loss):
    jax.numpy.zeros((3,), np.float32)


@pytest.mark.parametrize(
    ("where", "name", "hidden", "expected"),
    [
        (Devices, "shard_batch", keep_on_host, "Disallowed host-to-device transfer"),
        (StepLog, "check_finite", make_on_device, "Disallowed host-to-device transfer"),
        (StepLog, "check_finite", read_implicitly, "implicit device-to-host transfer"),
    ],
)
def test_a_hidden_transfer_fails(where, name, hidden, expected, tmp_path, explicit_only, monkeypatch):
    train = Run.train

    def hide_then_train(run):
        monkeypatch.setattr(where, name, hidden)
        train(run)

    monkeypatch.setattr(Run, "train", hide_then_train)
    with pytest.raises((jax.errors.JaxRuntimeError, pytest.fail.Exception), match=expected):
        jaxcnn.fit(MODERN, data="digits", workdir=tmp_path, steps=2)
