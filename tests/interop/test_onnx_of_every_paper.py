"""Every paper's network in ONNX Runtime: the same logits, for one image and for several."""

from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest
from exportable import SLOW, SMALL
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.interop.exported_network import LOGITS, PIXELS, ExportedNetwork
from jaxcnn.interop.to_onnx.convert import to_graph
from jaxcnn.interop.to_onnx.model_file import encoded

onnx: Any = pytest.importorskip("onnx", reason="needs .[export]")
runtime: Any = pytest.importorskip("onnxruntime", reason="needs .[export]")

# Sizes that depend on the batch are no `int`, which the signatures of layers ask for.
pytestmark = pytest.mark.usefixtures("unchecked_signatures")

EVERY = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]


def file_of(network: ExportedNetwork) -> bytes:
    graph = to_graph(network.logits, network.image_shape, (PIXELS, LOGITS))
    return encoded(graph, network.classes, network.image_shape, {"note": "größer"})


def answers(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of images [batch, height, width, channels]."""
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run([LOGITS], {PIXELS: pixels.transpose(0, 3, 1, 2)})[0]


def pixels_for(network: ExportedNetwork, count: int) -> np.ndarray:
    shape = (count, *network.image_shape)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def assert_same(theirs: np.ndarray, ours: Any) -> None:
    ours = np.asarray(ours)
    assert theirs.shape == ours.shape and theirs.dtype == np.float32
    spread = np.abs(ours - ours[:1]).max()
    assert spread > 0.01 * np.abs(ours).max(), spread  # the answer isn't that of the biases alone
    assert np.abs(theirs - ours).max() <= 1e-4 * np.abs(ours).max()


@pytest.mark.parametrize("title", [pytest.param(t, marks=[pytest.mark.slow] if t in SLOW else []) for t in SMALL])
def test_the_logits_are_the_same(title):
    network = ExportedNetwork(untrained(small(title, *SMALL[title])))
    content, pixels = file_of(network), pixels_for(network, 3)
    ours = jax.jit(network.logits)(pixels)
    assert_same(answers(content, pixels), ours)
    alone = answers(content, pixels[:1])
    assert alone.shape == (1, 10) and np.abs(alone - ours[:1]).max() <= 1e-4 * np.abs(ours).max()


def test_every_paper_has_a_small_form():
    assert {title.partition(":")[0] for title in set(SMALL) - SLOW} == set(jaxcnn.names())


@pytest.mark.slow
@pytest.mark.parametrize("title", [title for title in EVERY if "1202" not in title])
def test_every_variant_at_its_own_size(title):
    """A batch of one; ResNet-1202 is left out, for it has 100 times the layers of ResNet-20 and no other ones."""
    network = ExportedNetwork(untrained(jaxcnn.load(title)))
    pixels = pixels_for(network, 2)
    ours = np.concatenate([jax.jit(network.logits)(pixels[i : i + 1]) for i in range(2)])
    assert_same(answers(file_of(network), pixels), ours)


def nodes(title: str) -> tuple[Counter, dict[str, Any]]:
    """How many nodes of each kind there are, and all nodes by name with their attributes."""
    network = ExportedNetwork(untrained(small(title, *SMALL[title])))
    graph = onnx.load_model_from_string(file_of(network)).graph
    by_name = {node.name: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in graph.node}
    return Counter(node.op_type for node in graph.node), by_name


def test_a_reader_finds_the_papers_layers_in_alexnet():
    counts, by_name = nodes("alexnet_2012:caffenet")
    assert counts == {"Sub": 1, "Conv": 5, "LRN": 2, "MaxPool": 3, "Relu": 7, "Flatten": 1, "Gemm": 3, "Identity": 1}
    groups = [by_name[f"conv{number}/Conv"]["group"] for number in range(1, 6)]
    assert groups == [1, 2, 1, 2, 2] and by_name["conv1/Conv"]["strides"] == [4, 4]
    assert by_name["norm1/LRN"] == pytest.approx({"size": 5, "bias": 1.0, "alpha": 1e-4, "beta": 0.75})
    assert {"pool1/MaxPool", "fc6/Gemm", "fc7/Gemm", "fc8/Gemm"} <= set(by_name)


def test_a_reader_finds_the_papers_layers_in_lenet():
    """A squashed unit is Mul, Tanh, Mul; subsampling is a convolution of each map alone; the output are distances."""
    counts, by_name = nodes("lenet5_1998:paper")
    assert (counts["Conv"], counts["Tanh"], counts["ReduceSumSquare"]) == (5, 6, 1)
    assert by_name["S2/Conv"]["group"] == 6 and "group" not in by_name["C3/Conv"]
    assert "output/ReduceSumSquare" in by_name


def test_shortcuts_of_zeros_are_slices_and_pads():
    counts, by_name = nodes("resnet_cifar_2015:20")
    assert (counts["Pad"], counts["Add"], counts["BatchNormalization"]) == (2, 6, 13)
    assert counts["Slice"] == 4 and "s2_1/Pad" in by_name
    assert not {"Transpose", "Reshape", "Einsum", "Gather", "Expand"} & set(counts)


def test_training_heads_are_left_out():
    counts, by_name = nodes("googlenet_2014:paper")
    assert not [name for name in by_name if name.startswith("aux")]
    assert (counts["Concat"], counts["Conv"], counts["Gemm"]) == (9, 57, 1) and "3a/output/Concat" in by_name


def test_the_file_says_its_opset_its_batch_and_its_notes():
    network = ExportedNetwork(untrained(small("lenet5_1998:paper")))
    model = onnx.load_model_from_string(file_of(network))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)] and model.ir_version == 8
    sides = model.graph.input[0].type.tensor_type.shape.dim
    assert sides[0].dim_param == "batch" and [side.dim_value for side in sides[1:]] == [1, 28, 28]
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("note", "größer")]
    onnx.checker.check_model(model, full_check=True)
