"""A network as an ONNX graph: known layers become one node or a few, and what lies between them is converted by JAX's
primitives."""
