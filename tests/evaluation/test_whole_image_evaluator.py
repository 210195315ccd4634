"""A split's errors by the protocols that look at whole images."""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs, Scales
from jaxcnn.data.decoding.decode import decode_whole
from jaxcnn.data.sources import Source, open_source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.evaluation.protocols import PROTOCOLS, WholeImages
from jaxcnn.evaluation.whole_images import WholeImageEvaluator
from jaxcnn.models.vgg import VGG
from jaxcnn.parallel.devices import Devices

pytestmark = pytest.mark.usefixtures("plain_convolutions")

INPUTS = Inputs(size=16, channels=3, stored_size=20, mean=(120.0, 110.0, 100.0), scale=1 / 60)
SCALES = Scales(dense=(20,), multi_crop=(20, 24), multi_scale=(20, 18), crop_144=(18,))
NET = VGG(blocks=((3,), (3,)), features=(4, 6), hidden_units=8, num_classes=10)
# Landscapes, portraits, a square, one smaller than the crop and one far too long: 21 records, no multiple of 8.
SIZES = [(30, 40), (40, 30), (33, 33), (7, 9), (20, 200), (45, 30), (24, 37)]


class Images(Source):
    """Noise of different sizes and brightness, in memory."""

    name, split, folder = "images", "test", None

    def __init__(self, count: int) -> None:
        generator = np.random.default_rng(0)
        self.images = []
        for index in range(count):
            low = int(generator.integers(0, 200))
            self.images.append(generator.integers(low, low + 56, (*SIZES[index % len(SIZES)], 3), np.uint8))
        self.labels = generator.integers(0, 10, count).tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices) -> list[dict]:
        return [{"image": self.images[index], "label": self.labels[index]} for index in indices]


SOURCE = cast(Source, Images(21))


@pytest.fixture(scope="module")
def small(linear, plain_convolutions) -> tuple[Experiment, dict]:
    experiment = dataclasses.replace(linear, model=NET, inputs=INPUTS, scales=SCALES)
    generator = np.random.default_rng(1)
    shapes = jax.eval_shape(lambda: NET.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)), train=False)["params"])
    params = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape).astype(np.float32) * 0.3, shapes)
    return experiment, {"params": params, "batch_stats": {}, "statistics": {}}


def make_evaluator(experiment: Experiment, *, batch_size: int, devices: int) -> WholeImageEvaluator:
    return WholeImageEvaluator(experiment, SOURCE, Devices(devices=jax.devices()[:devices]), batch_size=batch_size)


@pytest.fixture(scope="module")
def evaluator(small) -> WholeImageEvaluator:
    """On one device."""
    return make_evaluator(small[0], batch_size=16, devices=1)


@pytest.fixture(scope="module")
def dense(small, evaluator) -> np.ndarray:
    """Probabilities by the protocol `dense`, float32 [21, 10]."""
    return evaluator.predict(PROTOCOLS["dense"], small[1])["probabilities"]


def one_by_one(experiment: Experiment, variables: dict, scale: int) -> np.ndarray:
    """Dense probabilities of each image by itself."""
    form, rows = NET.over_whole_images(16), []
    params = jax.tree.map(jnp.asarray, variables["params"])
    run = jax.jit(lambda images: form.apply({"params": params}, images, train=False).mean(axis=(1, 2)))
    for record in SOURCE.__getitems__(range(len(SOURCE))):
        image = decode_whole(record["image"], shorter_side=scale, channels=3)
        views = normalise(jnp.asarray(np.stack([image, image[:, ::-1]])), INPUTS, {})
        rows.append(jax.nn.softmax(run(views)).mean(axis=0))
    return np.array(rows)


def test_dense_over_a_split_is_dense_over_each_image(small, dense):
    np.testing.assert_allclose(dense, one_by_one(*small, scale=20), rtol=1e-4, atol=1e-6)
    assert np.ptp(dense, axis=0).max() > 0.1


@pytest.mark.parametrize(("batch_size", "devices"), [(8, 8), (5, 1)])
def test_neither_batches_nor_devices_matter(small, dense, batch_size, devices):
    evaluator = make_evaluator(small[0], batch_size=batch_size, devices=devices)
    found = evaluator.predict(PROTOCOLS["dense"], small[1])
    np.testing.assert_allclose(found["probabilities"], dense, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found["label"], cast(Any, SOURCE).labels)


def test_multi_scale_is_the_mean_over_its_scales(small, evaluator, dense):
    seen: list[tuple[int, int]] = []
    found = evaluator.predict(PROTOCOLS["multi_scale"], small[1], progress=lambda *numbers: seen.append(numbers))
    other = evaluator.predict(WholeImages(lambda scales: (18,)), small[1])
    for name in ("probabilities", "loss"):
        first = evaluator.predict(PROTOCOLS["dense"], small[1])[name]
        np.testing.assert_allclose(found[name], (first + other[name]) / 2, rtol=1e-5, atol=1e-7)
    assert np.abs(other["probabilities"] - dense).max() > 1e-3
    assert seen[-1] == (42, 42) and [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_protocols_share_what_is_compiled(small, evaluator):
    """Of one canvas and one kind of view; and a batch never has more pixels than it may."""
    evaluator.predict(PROTOCOLS["multi_scale"], small[1])
    compiled = dict(evaluator._compiled)
    evaluator.predict(PROTOCOLS["dense"], small[1])
    assert evaluator._compiled == compiled
    assert len(compiled) == 2 * 4  # of 7 sizes at 2 scales
    for _, _, (rows, height, width, _) in compiled:
        assert rows == 1 or rows * height * width <= 16 * 16**2


def errors(probabilities: np.ndarray, labels: list[int]) -> list[float]:
    order = np.argsort(-probabilities, axis=1)
    hits = [np.mean([label in row[:best] for label, row in zip(labels, order, strict=True)]) for best in (1, 5)]
    return [100 * (1 - hit) for hit in hits]


@pytest.mark.parametrize("name", ["dense", "144_crop"])
def test_errors_of_a_split(small, name):
    """Each image counts once, by the mean of its probabilities."""
    experiment, variables = small
    devices = Devices(devices=jax.devices()[:2])
    evaluator = Evaluator(experiment, SOURCE, devices)
    found: dict[str, Any] = evaluator(name, devices.replicate(variables))
    rows = evaluator._whole_images.predict(PROTOCOLS[name], devices.replicate(variables))
    assert found["count"] == 21
    assert found["scales"] == list(PROTOCOLS[name].scales(SCALES))
    expected = errors(rows["probabilities"], cast(Any, SOURCE).labels)
    np.testing.assert_allclose([found["top1_error"], found["top5_error"]], expected, rtol=1e-5)
    np.testing.assert_allclose(found["loss"], rows["loss"].mean(), rtol=1e-5)
    np.testing.assert_allclose(rows["probabilities"].sum(axis=1), 1, rtol=1e-5)
    metrics, images = evaluator.with_images(name, devices.replicate(variables))
    assert metrics == found
    np.testing.assert_array_equal(images.label, cast(Any, SOURCE).labels)
    np.testing.assert_array_equal(images.predicted, rows["probabilities"].argmax(axis=1))
    np.testing.assert_allclose(images.probability, rows["probabilities"].max(axis=1), rtol=1e-6)


def test_an_empty_split(small):
    experiment, variables = small
    empty = cast(Source, Images(0))
    with pytest.raises(UsageError, match="images has no images in its test split"):
        Evaluator(experiment, empty, Devices())("dense", variables)


def test_digits_by_windows(linear):
    """Images that live on the device otherwise are read as every image is."""
    experiment = dataclasses.replace(linear, scales=Scales(multi_crop=(8,)))
    params = {"fc": {"kernel": np.eye(64, 10, dtype=np.float32), "bias": np.zeros(10, np.float32)}}
    variables = Devices().replicate({"params": params, "batch_stats": {}, "statistics": {}})
    evaluator = Evaluator(experiment, open_source("digits", "test"), Devices())
    found = evaluator("multi_crop", variables)
    assert found["count"] == 359 and found["scales"] == [8]
