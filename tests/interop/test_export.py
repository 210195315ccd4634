"""From a run's folder to a file, with its description and its example; and what happens when that can't be."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from linear_network import LINEAR
from PIL import Image
from safetensors.numpy import load_file
from untrained_runs import save_run, small, untrained

import jaxcnn
from jaxcnn.config.inputs import Inputs
from jaxcnn.data.decoding.decode import decode
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.interop import export as exporting
from jaxcnn.interop.exported_network import ExportedNetwork
from jaxcnn.runs.trained import TrainedNetwork

pytestmark = pytest.mark.usefixtures("unchecked_signatures")

SET = {
    "lenet5_1998:paper": (),
    "alexnet_2012:paper": (
        *("inputs.size=67", "inputs.stored_size=72", "model.hidden_units=16", "model.num_classes=10"),
        *("model.features=(4,8,8,8,8)", "precision=bfloat16"),
    ),
}


@pytest.fixture(scope="module")
def networks() -> dict[str, TrainedNetwork]:
    return {title: untrained(small(title, *settings)) for title, settings in SET.items()}


@pytest.fixture(scope="module")
def runs(networks, tmp_path_factory) -> dict[str, Path]:
    """Runs' folders."""
    folder = tmp_path_factory.mktemp("runs")
    return {title: save_run(network, folder / title.replace(":", "-")) for title, network in networks.items()}


def needs(format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime", reason="needs .[export]")
        pytest.importorskip("onnx", reason="needs .[export]")


def answers(path: Path, format: str, pixels: np.ndarray) -> np.ndarray:
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"pixels": pixels.transpose(0, 3, 1, 2)})[0]
    return np.asarray(jax.export.deserialize(bytearray(path.read_bytes())).call(pixels))


def float32(network: TrainedNetwork) -> TrainedNetwork:
    return dataclasses.replace(network, experiment=dataclasses.replace(network.experiment, precision="float32"))


@pytest.mark.parametrize("title", SET)
@pytest.mark.parametrize("format", ["onnx", "stablehlo"])
def test_a_file_takes_stored_images_and_does_what_the_run_does(networks, runs, tmp_path, title, format):
    """As the run itself normalises and crops them, from the whole stored square."""
    needs(format)
    answer = jaxcnn.export(runs[title], format=format, output=tmp_path / "network")
    network, inputs = float32(networks[title]), networks[title].experiment.inputs
    shape = (2, inputs.stored_size, inputs.stored_size, inputs.channels)
    stored = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    ours = np.asarray(jax.jit(lambda images: network.logits(network.preprocess(images)))(stored))
    crop = answer["preprocessing"]["center_crop"]
    start = (inputs.stored_size - crop) // 2
    pixels = stored[:, start : start + crop, start : start + crop].astype(np.float32)
    theirs = answers(tmp_path / "network", format, pixels)
    assert np.abs(theirs - ours).max() <= 1e-4 * np.abs(ours).max() and np.ptp(ours, axis=0).max() > 0


def test_the_description(networks, runs, tmp_path):
    answer = jaxcnn.export(runs["alexnet_2012:paper"], format="stablehlo", output=tmp_path / "net.hlo")
    beside = json.loads((tmp_path / "net.hlo.json").read_text(encoding="utf-8"))
    assert answer == beside | {
        "file": str(tmp_path / "net.hlo"),
        "description_file": str(tmp_path / "net.hlo.json"),
        "bytes": (tmp_path / "net.hlo").stat().st_size,
        "example": answer["example"],
    }
    assert (beside["format"], beside["file"], beside["platforms"]) == ("stablehlo", "net.hlo", ["cpu", "cuda", "tpu"])
    assert (beside["experiment"], beside["variant"], beside["step"]) == ("alexnet_2012", "paper", 7)
    assert beside["input"] == {
        **{"name": "pixels", "shape": ["batch", 67, 67, 3], "layout": "NHWC", "dtype": "float32"},
        **{"range": [0, 255], "colour_order": "RGB"},
    }
    assert beside["output"] == {"name": "logits", "shape": ["batch", 10], "dtype": "float32"}
    before = beside["preprocessing"]
    assert before["resize"]["size"] == 72 and before["center_crop"] == 67 and before["padding"] is None
    assert before["normalisation_is_in_the_file"] is True
    assert before["normalisation"]["mean"] == "the training set's mean image"
    assert beside["class_names"] == list(networks["alexnet_2012:paper"].class_names) and "größer 1" in str(beside)
    assert {"jaxcnn", "jax", "flax", "jaxlib"} == set(beside["versions"])


def test_the_description_of_an_image_that_is_padded(runs, tmp_path):
    before = jaxcnn.export(runs["lenet5_1998:paper"], format="safetensors", output=tmp_path / "n")["preprocessing"]
    assert (before["center_crop"], before["input_size"], before["padding"]) == (28, 32, pytest.approx(-0.1))
    assert before["normalisation"] == {"mean": 20.0, "scale": 0.005, "whitening": None, "local_contrast": None} | {
        "channel_order": "RGB"
    }
    assert before["normalisation_is_in_the_file"] is False


def test_safetensors_hold_every_array(networks, runs, tmp_path):
    answer = jaxcnn.export(runs["alexnet_2012:paper"], format="safetensors", output=tmp_path / "n.safetensors")
    read, variables = load_file(tmp_path / "n.safetensors"), networks["alexnet_2012:paper"].variables
    np.testing.assert_array_equal(read["conv2/kernel"], variables["params"]["conv2"]["kernel"])
    np.testing.assert_array_equal(read["statistics/mean"], variables["statistics"]["mean"])
    assert answer["arrays"] == len(read) == len(jax.tree.leaves(variables))


@pytest.mark.parametrize("title", SET)
@pytest.mark.parametrize("format", ["onnx", "stablehlo", "safetensors"])
def test_the_example_runs(networks, runs, tmp_path, title, format):
    """As it is printed, by a program that knows nothing of this project."""
    needs(format)
    answer = jaxcnn.export(runs[title], format=format, output="my network")
    noise = np.random.default_rng(3).integers(0, 256, (9, 13, 3), np.uint8)
    photo = Image.fromarray(noise).resize((150, 110), Image.Resampling.BICUBIC)
    photo.save("photo.jpg", quality=95)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-I", "-c", answer["example"]], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    network = float32(networks[title])
    if format == "safetensors":
        assert f"{'conv1' if 'alex' in title else 'C1'}/kernel (" in done.stdout
        return
    inputs = network.experiment.inputs
    stored = decode(Path("photo.jpg").read_bytes(), size=inputs.stored_size, channels=inputs.channels)
    best = int(network.logits(network.preprocess(jnp.asarray(stored)[None]))[0].argmax())
    assert done.stdout == f"{network.class_names[best]}\n"


def test_a_users_own_network(tmp_path):
    needs("onnx")
    experiment = dataclasses.replace(LINEAR, inputs=Inputs(size=6, channels=1, stored_size=8, pad=1, scale=1 / 255))
    network = untrained(experiment)
    workdir = save_run(network, tmp_path / "run")
    answer = jaxcnn.export(workdir, format="onnx", output=tmp_path / "n.onnx", experiment=experiment)
    assert answer["input"]["shape"] == ["batch", 1, 6, 6] and answer["opset"] == 17
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 1)).astype(np.float32)
    kernel, bias = (np.asarray(network.variables["params"]["fc"][name]) for name in ("kernel", "bias"))
    np.testing.assert_allclose(
        answers(tmp_path / "n.onnx", "onnx", pixels), pixels.reshape(2, -1) / 255 @ kernel + bias, rtol=1e-4
    )


def test_what_is_padded_beyond_sight_makes_no_difference():
    """A padding of 4 around a square of 8 whose central 7 pixels are looked at, and one that is seen on one side."""
    for size, pad in ((7, 4), (11, 3), (12, 2), (8, 0)):
        inputs = Inputs(size=size, channels=1, stored_size=8, pad=pad, mean=20.0, scale=0.1)
        trained = untrained(dataclasses.replace(LINEAR, inputs=inputs))
        network = ExportedNetwork(trained)
        stored = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.uint8)
        side = network.image_shape[0]
        start = (8 - side) // 2
        pixels = jnp.asarray(stored[:, start : start + side, start : start + side], jnp.float32)
        ours = trained.logits(trained.preprocess(jnp.asarray(stored)))
        np.testing.assert_allclose(network.logits(pixels), ours, rtol=1e-5)


def test_an_existing_file_is_replaced(runs, tmp_path):
    path = tmp_path / "n"
    path.write_text("old")
    jaxcnn.export(runs["lenet5_1998:paper"], format="safetensors", output=path)
    assert len(load_file(path)) == 12 and sorted(os.listdir(tmp_path)) == ["n", "n.json"]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, JaxcnnError), (errno.EIO, UsageError)])
def test_nothing_is_left_where_the_disk_fails(runs, tmp_path, monkeypatch, number, kind):
    """At the second file, when the first is complete: an old file stays as it was."""
    path, write = tmp_path / "n", Path.write_bytes
    path.write_text("old")

    def fail(self: Path, content: bytes) -> int:
        if "json" in self.name:
            write(self, content[:10])
            raise OSError(number, "the disk says no")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(kind, match=f"{path}.*choose another --output") as caught:
        jaxcnn.export(runs["lenet5_1998:paper"], format="safetensors", output=path)
    assert type(caught.value) is kind
    assert os.listdir(tmp_path) == ["n"] and path.read_text() == "old"


def test_what_is_refused_is_refused_before_the_run_is_read(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    wrong: dict[str, Any] = {
        r"format \(='onxx'\) is unknown; did you mean 'onnx'\? Allowed: safetensors, onnx, stablehlo": {
            "format": "onxx"
        },
        "there is no folder .*nowhere; make it, or choose another --output": {"output": tmp_path / "nowhere" / "n"},
        "is a folder; name a file": {"output": tmp_path},
        "there is no folder .*file; make it": {"output": tmp_path / "file" / "n"},
        "--output=gs://bucket/n must be a local folder": {"output": "gs://bucket/n"},
        "is no run's folder": {},
    }
    for message, values in wrong.items():
        arguments: dict[str, Any] = {"format": "safetensors", "output": tmp_path / "n"} | values
        with pytest.raises(UsageError, match=message):
            jaxcnn.export(tmp_path / "no run", **arguments)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match="needs the package onnx"):
        jaxcnn.export(tmp_path / "no run", format="onnx", output=tmp_path / "n")
    assert os.listdir(tmp_path) == ["file"]


def test_a_run_without_a_checkpoint(runs, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "experiment.json").write_bytes((runs["lenet5_1998:paper"] / "experiment.json").read_bytes())
    with pytest.raises(DataMissingError, match="no complete checkpoint"):
        jaxcnn.export(tmp_path / "run", format="safetensors", output=tmp_path / "n")
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("format", ["onnx", "stablehlo"])
def test_weights_that_no_file_holds(runs, tmp_path, monkeypatch, format):
    needs(format)
    monkeypatch.setattr(exporting, "LIMIT", 1000)
    with pytest.raises(JaxcnnError, match=rf"format={format} holds less than 2; use format=safetensors"):
        jaxcnn.export(runs["lenet5_1998:paper"], format=format, output=tmp_path / "n")
    assert os.listdir(tmp_path) == []
