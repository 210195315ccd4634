"""The private parts of JAX are where `jaxcnn.runtime.private_jax` looks for them."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxcnn.runtime import private_jax

PROGRAM = """
import sys
from jaxcnn.runtime.private_jax import backends_are_initialized

assert not backends_are_initialized() and "jax" not in sys.modules
import jax
assert not backends_are_initialized()
jax.devices()
assert backends_are_initialized()
"""


def test_whether_a_device_has_been_touched():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, cwd=Path(__file__).parents[2])


def test_the_coordination_service_has_a_client_only_when_connected():
    assert not jax.distributed.is_initialized()
    with pytest.raises(AssertionError, match=r"jax\.distributed\.initialize"):
        private_jax.coordination_client()
