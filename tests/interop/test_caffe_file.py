"""The reader of Caffe's files: three generations of layers, settings, and what is no file of weights."""

import random
import tracemalloc
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

pytest.importorskip("torch")

from caffe_files import blob, field, varint
from caffe_writer import CaffeByTorch
from test_caffe_networks import lenet

import jaxcnn
from jaxcnn.errors import UsageError
from jaxcnn.interop.caffe_blob import read_blob
from jaxcnn.interop.caffe_conventions import conventions
from jaxcnn.interop.caffe_file import CaffeLayer, CaffeNet, ResponseNorm, read_caffe
from jaxcnn.interop.caffe_weights import convert
from jaxcnn.interop.wire_format import Budget, read_varint

HUGE = varint(2**60)


def written(content: bytes, folder: Path) -> Path:
    file = folder / "file.caffemodel"
    file.write_bytes(content)
    return file


def network() -> CaffeByTorch:
    net = CaffeByTorch("LeNet")
    lenet(net, np.zeros((1, 28, 28, 1), np.uint8))
    return net


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("generation", ["today", "V1", "V0"])
def test_every_generation_reads_alike(generation, double, tmp_path):
    net = network()
    read = read_caffe(written(net.file(generation, double=double), tmp_path))
    assert read.name == "LeNet" and [layer.name for layer in read.layers] == list(net.layers)
    for layer in read.layers:
        kind, arrays, _ = net.layers[layer.name]
        assert layer.kind == kind
        for ours, theirs in zip(layer.blobs, arrays, strict=True):
            four = (1,) * (4 - theirs.ndim) + theirs.shape
            assert ours.shape == (theirs.shape if generation == "today" else four)
            np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


@pytest.mark.parametrize("generation", ["today", "V1"])
def test_settings_are_read(generation, tmp_path):
    import torch

    net, maps = CaffeByTorch("net"), torch.zeros(1, 5, 8, 8, dtype=torch.float64)
    net.lrn(maps, "norm")
    net.pool(maps, "max", 2, 2)
    net.pool(maps, "average", 2, 2, "average")
    norm, largest, mean = read_caffe(written(net.file(generation), tmp_path)).layers
    assert norm.response_norm == ResponseNorm(local_size=5, alpha=1e-4, beta=0.75, k=1.0)
    assert (largest.pool, mean.pool) == ("max", "average")


@hypothesis.given(st.integers(0, 2**64 - 1))
def test_numbers_of_variable_length(value):
    assert read_varint(memoryview(varint(value)), 0) == (value, len(varint(value)))


@hypothesis.given(st.lists(st.integers(1, 4), max_size=5).map(tuple), st.booleans())
def test_arrays_of_any_shape(shape, one_by_one):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    content = blob(array)
    if one_by_one:  # protobuf's other form of repeated numbers
        sides = b"".join(field(1, side) for side in shape)
        values = b"".join(field(5, float(value)) for value in array.ravel())
        content = field(7, sides) + values
    found = read_blob(memoryview(content), Budget())
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (b"PK\x03\x04" + b"\0" * 100, "ZIP"),
        (field(1, "a name alone"), "no layers"),
        (varint(100 << 3 | 2) + HUGE, "claims 1,152,921,504,606,846,976 bytes, of which 0 are there"),
        (field(100, varint(7 << 3 | 2) + HUGE + b"abc"), "of which 3 are there"),
        (field(100, field(7, field(7, field(1, HUGE)) + field(5, b"\0" * 8))), "sides"),
        (field(100, field(7, field(7, field(1, varint(3))) + field(5, b"\0" * 8))), r"shape \[3\] has 8 bytes"),
        (field(100, field(1, 5)), "a field of bytes holds something else"),
        (b"\xff" * 40, "doesn't end"),
        (field(100, b"") * 100_001, "more than 100,000 layers"),
    ],
)
def test_what_is_no_file_of_weights(content, message, tmp_path):
    with pytest.raises(UsageError, match=message) as caught:
        convert(written(content, tmp_path), jaxcnn.load("lenet5_1998:caffe"))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    for file in (tmp_path, tmp_path / "missing.caffemodel"):
        with pytest.raises(UsageError, match="can't be read"):
            read_caffe(file)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_refused_or_told(count, tmp_path):
    """Random bytes, truncated and mutated files: one line, or an account of what doesn't fit; little memory."""
    draw, experiment, refused = random.Random(14), jaxcnn.load("lenet5_1998:caffe"), 0
    whole = network().file(draw.choice(["today", "V1"]))
    # Where the lengths, types and shapes stand: around the names.
    names = [b"conv1", b"pool1", b"conv2", b"pool2", b"ip1", b"ip2"]
    places = [whole.index(name) + offset for name in names for offset in range(-8, 40)]
    tracemalloc.start()
    try:
        for number in range(count):
            content = bytearray(whole)
            if number % 3 == 0:
                content = bytearray(draw.randbytes(draw.randrange(200)))
            elif number % 3 == 1:
                content = content[: draw.randrange(len(whole))]
            else:
                for _ in range(draw.randrange(1, 4)):
                    content[min(draw.choice(places), len(content) - 1)] = draw.randrange(256)
            file = written(bytes(content), tmp_path)
            try:
                net = read_caffe(file)
            except UsageError as error:
                refused += 1
                assert "\n" not in str(error) and str(file) in str(error)
                continue
            assert all(blob.nbytes <= len(content) for layer in net.layers for blob in layer.blobs)
            if number % 20 == 1:  # the whole way takes longer
                found = convert(file, experiment)
                assert found.fits or found.missing or found.unexpected or found.wrong_shape
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused > count / 3
    assert peak < 20 * len(whole) + 20e6, peak


@pytest.mark.parametrize(
    ("norm", "message"),
    [
        (ResponseNorm(local_size=3), "must be the same in all layers"),
        (ResponseNorm(alpha=float("nan")), "alpha"),
        (ResponseNorm(k=float("inf")), "k ="),
        (ResponseNorm(within_channel=True), "over places of one map"),
    ],
)
def test_response_normalisation_that_the_network_cannot_have(norm, message):
    net = CaffeNet("", (CaffeLayer("norm1", "LRN", (), response_norm=norm),))
    with pytest.raises(UsageError, match=message):
        conventions(net, jaxcnn.load("googlenet_2014"))


def test_converted_weights_do_not_change_with_the_file(tmp_path):
    net = network()
    file = written(net.file(), tmp_path)
    found = convert(file, jaxcnn.load("lenet5_1998:caffe")).variables["params"]
    file.write_bytes(b"\0" * file.stat().st_size)
    for layer in ("conv1", "conv2", "ip1", "ip2"):
        np.testing.assert_array_equal(found[layer]["bias"], net.layers[layer][1][1])
