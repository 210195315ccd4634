"""The papers' layers as ONNX has them. Weights are re-ordered for [batch, channels, height, width]."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxcnn.interop.to_onnx.elementwise import node
from jaxcnn.interop.to_onnx.graph import Graph, Shape, Tensor
from jaxcnn.interop.to_onnx.shapes import reshaped
from jaxcnn.interop.to_onnx.trace import Call
from jaxcnn.models.googlenet import Concatenate
from jaxcnn.models.kernels.convolution import pairs
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Layer
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool, pool_padding
from jaxcnn.models.layers.rbf import EuclideanRBF, digit_prototypes
from jaxcnn.models.lenet_layers import FeatureMaps, FullyConnected, Subsampling

Rule = Callable[[Graph, Call, list[Tensor], Shape], Tensor]


def convolved(graph: Graph, images: Tensor, kernel: np.ndarray, bias: np.ndarray | None, shape: Shape, **attributes):
    """A Conv node. kernel: [height, width, inputs / groups, outputs]."""
    names = [graph.read(images, channels_first=True), graph.weight(kernel.transpose(3, 2, 0, 1), "kernel")]
    if bias is not None:
        names.append(graph.weight(bias, "bias"))
    sides = list(kernel.shape[:2])
    return graph.emit("Conv", *names, shape=shape, channels_first=True, kernel_shape=sides, **attributes)


def conv(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    layer, weights = call.layer, call.variables["params"]
    assert isinstance(layer, Conv)
    (top, bottom), (left, right) = pairs(layer.padding)
    return convolved(
        *(graph, inputs[0], weights["kernel"], weights.get("bias"), shape),
        strides=[layer.strides] * 2,
        pads=[top, left, bottom, right],
        group=layer.groups,
    )


def product(graph: Graph, inputs: Tensor, kernel: np.ndarray, bias: np.ndarray, shape: Shape) -> Tensor:
    """A Gemm node, after a Flatten where there is something to flatten. kernel: [inputs, outputs]."""
    name, size = graph.read(inputs, channels_first=inputs.channels_first), kernel.shape[0]
    if inputs.channels_first:  # the kernel's rows are put into the order of ONNX's flattening
        kernel = kernel.reshape(*inputs.shape[1:], -1).transpose(2, 0, 1, 3).reshape(size, -1)
    if len(inputs.shape) != 2:
        name = graph.node("Flatten", name, axis=1)
    return graph.emit("Gemm", name, graph.weight(kernel, "kernel"), graph.weight(bias, "bias"), shape=shape)


def dense(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    return product(graph, inputs[0], call.variables["params"]["kernel"], call.variables["params"]["bias"], shape)


def max_pool(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    layer, (images,) = call.layer, inputs
    assert isinstance(layer, MaxPool)
    sides = [pool_padding(n, layer.size, layer.strides, layer.padding, layer.ceil) for n in images.shape[1:3]]
    name, pads = graph.read(images, channels_first=True), [sides[axis][end] for end in (0, 1) for axis in (0, 1)]
    window: dict[str, Any] = {"kernel_shape": [layer.size] * 2, "strides": [layer.strides] * 2, "pads": pads}
    return graph.emit("MaxPool", name, shape=shape, channels_first=True, **window)


def average_pool(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    layer, name = call.layer, graph.read(inputs[0], channels_first=True)
    assert isinstance(layer, AveragePool)
    window: dict[str, Any] = {"kernel_shape": [layer.size] * 2, "strides": [layer.strides] * 2}
    return graph.emit("AveragePool", name, shape=shape, channels_first=True, **window)


def global_average_pool(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    del call
    pooled = graph.node("GlobalAveragePool", graph.read(inputs[0], channels_first=True))
    return graph.emit("Flatten", pooled, shape=shape, axis=1)


def batch_norm(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    layer, first = call.layer, len(shape) == 4
    assert isinstance(layer, BatchNorm)
    params, stats = call.variables["params"], call.variables["batch_stats"]
    values = {"scale": params["scale"], "bias": params["bias"], "mean": stats["mean"], "var": stats["var"]}
    names = [graph.weight(array, name) for name, array in values.items()]
    maps = graph.read(inputs[0], channels_first=first)
    return graph.emit(
        "BatchNormalization", maps, *names, shape=shape, channels_first=first, epsilon=float(layer.epsilon)
    )


def response_norm(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    """ONNX divides α by the window's size, and knows no groups: a group is laid out as an image of its own."""
    layer, name = call.layer, graph.read(inputs[0], channels_first=True)
    assert isinstance(layer, LocalResponseNorm)
    _, height, width, channels = shape
    window: dict[str, Any] = {"size": layer.size, "bias": float(layer.k), "beta": float(layer.beta)}
    window["alpha"] = float(layer.alpha * layer.size)
    if layer.groups == 1:
        return graph.emit("LRN", name, shape=shape, channels_first=True, **window)
    part = graph.weight(np.array([-1, channels // layer.groups, height, width], np.int64), "group")
    whole = graph.weight(np.array([-1, channels, height, width], np.int64), "whole")
    normalised = graph.node("LRN", graph.node("Reshape", name, part), **window)
    return graph.emit("Reshape", normalised, whole, shape=shape, channels_first=True)


def concatenate(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    del call
    names = [graph.read(tensor, channels_first=True) for tensor in inputs]
    return graph.emit("Concat", *names, shape=shape, channels_first=True, axis=1)


def squashed(graph: Graph, sums: Tensor) -> Tensor:
    """1.7159·tanh(2a/3)."""
    for op, value in (("Mul", 2 / 3), ("Tanh", None), ("Mul", 1.7159)):
        scalars = [] if value is None else [Tensor(np.array(value, np.float32), (), ())]
        sums = node(graph, op, [sums, *scalars], sums.shape)
    return sums


def feature_maps(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    """A partial convolution becomes a full one, whose other weights are 0."""
    layer, weights, maps = call.layer, call.variables["params"], inputs[0].shape[-1]
    assert isinstance(layer, FeatureMaps)
    kernel = weights["kernel"]
    if layer.table is not None:
        pairs_seen = [(source, target) for target, seen in enumerate(layer.table) for source in seen]
        full = np.zeros((5, 5, maps, layer.features), np.float32)
        for number, (source, target) in enumerate(pairs_seen):
            full[:, :, source, target] = kernel[:, :, number]
        kernel = full
    return squashed(graph, convolved(graph, inputs[0], kernel, weights["bias"], shape))


def subsampling(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    """A convolution of each map alone, whose four weights are equal."""
    weights, maps = call.variables["params"], shape[-1]
    kernel = np.broadcast_to(weights["coefficient"], (2, 2, 1, maps))
    return squashed(graph, convolved(graph, inputs[0], kernel, weights["bias"], shape, strides=[2, 2], group=maps))


def fully_connected(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    return squashed(graph, dense(graph, call, inputs, shape))


def rbf(graph: Graph, call: Call, inputs: list[Tensor], shape: Shape) -> Tensor:
    """Minus the squared distances to the prototypes."""
    del call
    batch, size = inputs[0].shape
    rows = graph.read(reshaped(graph, inputs[0], (batch, 1, size)))
    offsets = graph.node("Sub", rows, graph.weight(digit_prototypes()[None], "prototypes"))
    return graph.emit("Neg", graph.node("ReduceSumSquare", offsets, axes=[2], keepdims=0), shape=shape)


RULES: dict[type, Rule] = {
    Conv: conv,
    Dense: dense,
    MaxPool: max_pool,
    AveragePool: average_pool,
    GlobalAveragePool: global_average_pool,
    BatchNorm: batch_norm,
    LocalResponseNorm: response_norm,
    Concatenate: concatenate,
    FeatureMaps: feature_maps,
    Subsampling: subsampling,
    FullyConnected: fully_connected,
    EuclideanRBF: rbf,
}


def is_known(layer: Layer, inputs: tuple[Any, ...]) -> bool:
    """Whether a layer of this class has a rule. A subclass hasn't, and neither has what ONNX Runtime refuses."""
    if isinstance(layer, BatchNorm):
        return type(layer) in RULES and inputs[0].ndim in (2, 4)
    if isinstance(layer, LocalResponseNorm):  # ONNX Runtime takes odd windows and positive values alone
        suits = layer.size % 2 == 1 and min(layer.alpha, layer.beta) > 0 and inputs[0].ndim == 4
        return type(layer) in RULES and suits
    return type(layer) in RULES
