"""`doctor`: what it finds here, and that it would find a fault."""

import jax
import numpy as np
import pytest

from jaxcnn.analysis import doctor as module
from jaxcnn.analysis.doctor import canary, decode_speed, doctor

pytestmark = pytest.mark.usefixtures("optimised")


def test_this_machine_is_healthy(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "decode_speed", lambda: 1000.0)
    found = doctor(str(tmp_path))
    assert found["healthy"] is True and max(found["canaries"].values()) < 1e-4
    assert len(found["devices"]) == len(jax.devices()) and found["devices"][0].startswith("cpu:0 ")
    assert found["versions"]["jax"] == jax.__version__ and "python" in found["versions"]
    assert found["data_dir"] == str(tmp_path)
    assert found["extras"].keys() == {"export", "keras", "bench"}
    assert {name for name, ready in found["data"].items() if ready} == {"digits", "photos"}


def test_a_sick_one_is_called_so(monkeypatch):
    monkeypatch.setattr(module, "decode_speed", lambda: 1000.0)
    monkeypatch.setattr(module, "canary", lambda *, ours: 0.0 if ours else 0.02)
    assert doctor()["healthy"] is False


def test_the_canary_sings_of_wrong_numbers(monkeypatch):
    """A product that comes out 1 % too large is seen."""
    matmul = module.jnp.matmul
    monkeypatch.setattr(module.jnp, "matmul", lambda *arrays: matmul(*arrays) * 1.01)
    np.testing.assert_allclose([canary(ours=True), canary(ours=False)], 0.01, rtol=1e-2)


def test_decoding_is_timed():
    assert 1 < decode_speed(0.05) < 1e5
