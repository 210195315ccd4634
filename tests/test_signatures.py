"""The tests check arrays against jaxcnn's signatures, and users don't pay for it."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import jaxtyping
import pytest
from project_files import ROOT

from jaxcnn.augmentation.affine import resample
from jaxcnn.models.layers.core import Conv
from jaxcnn.models.layers.masked_apply import masked_apply
from jaxcnn.models.lenet_variants import CaffeLeNet
from jaxcnn.optim.losses import SoftmaxCrossEntropy

IMAGES = jnp.zeros((2, 28, 28, 1))

WRONG = {
    "a function": lambda: resample(IMAGES, jnp.zeros((3, 2, 2)), jnp.zeros((2, 2)), 0.0),  # 3 matrices, 2 images
    "a layer": lambda: Conv(4, 3).init(jax.random.key(0), IMAGES.astype(jnp.int32)),
    "a loss": lambda: SoftmaxCrossEntropy()(jnp.zeros((2, 10)), jnp.zeros(3, jnp.int32)),
    "beside a network": lambda: masked_apply(CaffeLeNet(), {}, IMAGES, jnp.zeros((2, 3), jnp.int32)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_arrays_that_contradict_a_signature_are_refused(call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call()


def test_a_networks_result_is_checked(monkeypatch):
    monkeypatch.setattr("jaxcnn.models.lenet_variants.relu", lambda x: x[:1])  # loses a row of the batch
    with pytest.raises(jaxtyping.TypeCheckError, match=r"return value of jaxcnn\.models\.lenet_variants"):
        jax.eval_shape(lambda: CaffeLeNet().init(jax.random.key(0), IMAGES, train=False))


def test_nothing_is_checked_outside_of_the_tests():
    program = (
        "import sys, jaxcnn.models.alexnet, jaxcnn.augmentation.affine as affine, jaxcnn.training.steps; "
        "print('beartype' in sys.modules, hasattr(affine.resample, '__wrapped__'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "False False\n", done.stderr
