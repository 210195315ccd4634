"""The graph as a model in ONNX's own format, by `onnx.helper`."""

import importlib
from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.graph import BATCH, Graph, Node

OPSET = 17  # of 2022: what it lacks of newer ones, the layers here don't need


def require_onnx() -> Any:
    """The package `onnx`. Raises UsageError where it isn't installed."""
    try:
        onnx = importlib.import_module("onnx")
        importlib.import_module("onnx.numpy_helper")
    except ImportError as error:
        raise UsageError(
            "format=onnx needs the package onnx, which isn't installed here; install it with: pip install onnx"
        ) from error
    return onnx


def encoded(graph: Graph, classes: int, image_shape: tuple[int, int, int], notes: dict[str, str]) -> bytes:
    """The file's content, checked by `onnx.checker`.

    Args:
      graph: finished; its output is float32 [batch, classes].
      classes: how many.
      image_shape: height, width, channels.
      notes: the model's metadata.

    Raises:
      UsageError: onnx isn't installed.
    """
    onnx = require_onnx()
    helper, (height, width, channels) = onnx.helper, image_shape
    real = onnx.TensorProto.FLOAT
    body = helper.make_graph(
        [_node(onnx, node) for node in graph.nodes],
        "network",
        [helper.make_tensor_value_info(graph.images, real, [BATCH, channels, height, width])],
        [helper.make_tensor_value_info(graph.output, real, [BATCH, classes])],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        body, producer_name="jaxcnn", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )
    helper.set_model_props(model, notes)
    content = model.SerializeToString()
    onnx.checker.check_model(content)
    return content


def _node(onnx: Any, node: Node) -> Any:
    attributes = {
        name: onnx.helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value
        for name, value in node.attributes.items()
    }
    return onnx.helper.make_node(node.op, node.inputs, [node.output], name=node.name, **attributes)
