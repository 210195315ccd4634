"""Caffe's files of weights (`.caffemodel`), read without Caffe.

A file is a `NetParameter` of `caffe.proto`, in one of three generations: layers with an enumerated type ("V1"), the
same with a layer of the first generation inside, and today's layers with the type as text. The numbers below are those
of the fields in `caffe.proto`.
"""

import dataclasses
import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.caffe_blob import read_blob
from jaxcnn.interop.wire_format import Budget, WireFormatError, fields, fraction, part, text, whole

NET_NAME, NET_V1_LAYERS, NET_LAYERS = 1, 2, 100  # NetParameter
LAYERS = 100_000  # limit


class LayerFields(NamedTuple):
    """Where a generation's layer has what is read of it."""

    name: int
    kind: int
    blobs: int
    pooling: int = 0  # 0: not read
    response_norm: int = 0
    batch_norm: int = 0


TODAY = LayerFields(name=1, kind=2, blobs=7, pooling=121, response_norm=118, batch_norm=139)  # LayerParameter
V1 = LayerFields(name=4, kind=5, blobs=6, pooling=19, response_norm=18)  # V1LayerParameter
V0 = LayerFields(name=1, kind=2, blobs=50)  # V0LayerParameter
V0_INSIDE_V1 = 1
# The enumerated types that matter here; the words of the first generation.
V1_KINDS = {4: "Convolution", 14: "InnerProduct", 15: "LRN", 17: "Pooling"}
V0_KINDS = {"conv": "Convolution", "innerproduct": "InnerProduct", "lrn": "LRN", "pool": "Pooling"}


class ResponseNorm(NamedTuple):
    """Constants of an LRN layer, by default `caffe.proto`'s. `alpha` is what Caffe divides by `local_size`."""

    local_size: int = 5
    alpha: float = 1.0
    beta: float = 0.75
    k: float = 1.0
    within_channel: bool = False


@dataclasses.dataclass(frozen=True)
class CaffeLayer:
    """A layer of a file.

    Attributes:
      name: as in the prototxt.
      kind: its type, as today's Caffe calls it.
      blobs: its arrays, float32 or float64, of the shapes that the file states; read-only views of the file.
      pool: of a pooling layer "max", "average" or "stochastic"; None where the file doesn't say.
      response_norm: of an LRN layer; None where the file doesn't say.
      epsilon: of a batch normalisation; None where the file doesn't say.
    """

    name: str
    kind: str
    blobs: tuple[np.ndarray, ...]
    pool: str | None = None
    response_norm: ResponseNorm | None = None
    epsilon: float | None = None


@dataclasses.dataclass(frozen=True)
class CaffeNet:
    """The network of a file: its name, which may be empty, and its layers in their order."""

    name: str
    layers: tuple[CaffeLayer, ...]


OTHER_FORMATS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; if Caffe wrote it, let it write a binary one (snapshot_format: BINARYPROTO)",
    b"PK\x03\x04": "a ZIP archive; unpack it",
    b"\x1f\x8b": "compressed by gzip; unpack it",
}


def read_caffe(file: Path) -> CaffeNet:
    """The network in a `.caffemodel`.

    Args:
      file: of any generation. The arrays read from it as they are used.

    Raises:
      UsageError: the file can't be read, is no `.caffemodel`, or is damaged.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(8)
            if not start:
                raise UsageError(f"{file} is empty.")
            for signature, what in OTHER_FORMATS.items():
                if start.startswith(signature):
                    raise UsageError(f"{file} is no .caffemodel but {what}.")
            mapped = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror or error}.") from error
    try:
        return _net(mapped, Budget())
    except WireFormatError as error:
        raise UsageError(f"{file} is no .caffemodel, or a damaged one: {error}.") from error


def _net(message: memoryview, budget: Budget) -> CaffeNet:
    name, layers = "", []
    for number, wire_type, value in fields(message, budget):
        if number == NET_NAME:
            name = text(wire_type, value)
        elif number in (NET_V1_LAYERS, NET_LAYERS):
            if len(layers) == LAYERS:
                raise WireFormatError(f"it has more than {LAYERS:,} layers")
            layers.append(_layer(part(wire_type, value), TODAY if number == NET_LAYERS else V1, budget))
    if not layers:
        raise WireFormatError("it has no layers")
    return CaffeNet(name, tuple(layers))


def _layer(message: memoryview, at: LayerFields, budget: Budget) -> CaffeLayer:
    layer, blobs = CaffeLayer("", "", ()), []
    for number, wire_type, value in fields(message, budget):
        if at is V1 and number == V0_INSIDE_V1:
            inner = _layer(part(wire_type, value), V0, budget)
            layer = dataclasses.replace(layer, name=inner.name, kind=V0_KINDS.get(inner.kind, inner.kind))
            blobs += inner.blobs
        elif number == at.name:
            layer = dataclasses.replace(layer, name=text(wire_type, value))
        elif number == at.kind:
            kind = V1_KINDS.get(whole(wire_type, value), str(value)) if at is V1 else text(wire_type, value)
            layer = dataclasses.replace(layer, kind=kind)
        elif number == at.blobs:
            blobs.append(read_blob(part(wire_type, value), budget))
        elif number == at.pooling:
            layer = dataclasses.replace(layer, pool=_pool(part(wire_type, value), budget))
        elif number == at.response_norm:
            layer = dataclasses.replace(layer, response_norm=_response_norm(part(wire_type, value), budget))
        elif number == at.batch_norm:
            layer = dataclasses.replace(layer, epsilon=_epsilon(part(wire_type, value), budget))
    return dataclasses.replace(layer, blobs=tuple(blobs))


def _pool(message: memoryview, budget: Budget) -> str:
    """A PoolingParameter: pool = 1."""
    pool = 0
    for number, wire_type, value in fields(message, budget):
        if number == 1:
            pool = whole(wire_type, value)
    return {0: "max", 1: "average", 2: "stochastic"}.get(pool, f"kind {pool}")


def _response_norm(message: memoryview, budget: Budget) -> ResponseNorm:
    """An LRNParameter: local_size = 1, alpha = 2, beta = 3, norm_region = 4, k = 5."""
    names, found = {2: "alpha", 3: "beta", 5: "k"}, ResponseNorm()
    for number, wire_type, value in fields(message, budget):
        if number == 1:
            found = found._replace(local_size=whole(wire_type, value))
        elif number == 4:
            found = found._replace(within_channel=whole(wire_type, value) != 0)
        elif number in names:
            found = found._replace(**{names[number]: fraction(wire_type, value)})
    return found


def _epsilon(message: memoryview, budget: Budget) -> float:
    """A BatchNormParameter: eps = 3."""
    epsilon = 1e-5
    for number, wire_type, value in fields(message, budget):
        if number == 3:
            epsilon = fraction(wire_type, value)
    return epsilon
