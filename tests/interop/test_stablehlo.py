"""StableHLO files, read back: the same logits, for batches of any size."""

import jax
import jax.export
import numpy as np
import pytest
from exportable import SMALL
from untrained_runs import small, untrained

from jaxcnn.interop.exported_network import ExportedNetwork
from jaxcnn.interop.stablehlo_export import stablehlo
from jaxcnn.models.kernels import relu

# Sizes that depend on the batch are no `int`, which the signatures of layers ask for.
pytestmark = pytest.mark.usefixtures("unchecked_signatures")

ONE_OF_EACH = (
    *("lenet5_1998:paper", "cnn_primer:paper", "alexnet_2012:paper", "nin_2013:cifar10", "vgg_2014:A-LRN"),
    *("googlenet_2014:torchvision", "resnet_2015:18-A", "resnet_cifar_2015:20"),
)


def test_there_is_one_of_each_paper():
    assert {title.partition(":")[0] for title in ONE_OF_EACH} == {title.partition(":")[0] for title in SMALL}


@pytest.mark.parametrize("title", ONE_OF_EACH)
def test_the_logits_are_the_same(title):
    network = ExportedNetwork(untrained(small(title, *SMALL[title])))
    read = jax.export.deserialize(bytearray(stablehlo(network.logits, network.image_shape)))
    assert read.platforms == ("cpu", "cuda", "tpu") and str(read.in_avals[0].shape[0]) == "batch"
    shape = (3, *network.image_shape)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    ours = np.asarray(jax.jit(network.logits)(pixels))
    theirs = np.asarray(read.call(pixels))
    assert theirs.shape == (3, 10) and np.abs(ours - ours[:1]).max() > 0.01 * np.abs(ours).max()
    assert np.abs(theirs - ours).max() <= 1e-4 * np.abs(ours).max()
    if title.startswith("lenet"):
        alone = np.asarray(read.call(pixels[:1]))
        assert alone.shape == (1, 10) and np.abs(alone - ours[:1]).max() <= 1e-4 * np.abs(ours).max()


def test_the_layers_are_in_their_plain_forms(monkeypatch):
    """A program that is compiled for CPU here takes a kernel of this project, which the file's doesn't."""

    network = ExportedNetwork(untrained(small("cnn_primer:paper", *SMALL["cnn_primer:paper"])))

    def refuse(values):
        raise AssertionError("a kernel")

    monkeypatch.setattr(relu, "_relu_by_hand", refuse)
    with pytest.raises(AssertionError, match="a kernel"):
        jax.eval_shape(network.logits, jax.ShapeDtypeStruct((1, *network.image_shape), np.float32))
    assert stablehlo(network.logits, network.image_shape)
