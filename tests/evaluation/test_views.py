"""What the network sees of whole images, against loops over one image at a time."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcnn.analysis.collectives import count_collectives
from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.evaluation.views import cut, make_dense_view, make_windows_view, mirror
from jaxcnn.evaluation.windows import grid, three_squares
from jaxcnn.models.layers.pooling import MaxPool
from jaxcnn.models.vgg import VGG
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.steps import convolutional

pytestmark = pytest.mark.usefixtures("plain_convolutions")

PHOTOGRAPHS = Inputs(size=224, channels=3, stored_size=256, mean=(120.0, 110.0, 100.0), scale=1 / 60)
NARROW = VGG(blocks=((3,),) * 5, features=(4, 6, 8, 8, 8), hidden_units=16, num_classes=10)


def softmax(scores: Any) -> np.ndarray:
    powers = np.exp(np.asarray(scores, np.float64) - np.max(scores, axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def entropy(scores: Any, labels: np.ndarray) -> np.ndarray:
    return -np.log(softmax(scores)[np.arange(len(labels)), labels])


def random_variables(model: nn.Module, side: int, channels: int) -> dict:
    """Spread so that probabilities differ from image to image."""
    generator = np.random.default_rng(0)
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, side, side, channels)), train=False)["params"]
    )

    def draw(shape: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = (4 / np.prod(shape.shape[:-1])) ** 0.5 if len(shape.shape) > 1 else 0.1
        return (generator.normal(size=shape.shape) * scale).astype(np.float32)

    return {"params": jax.tree.map(draw, shapes), "batch_stats": {}, "statistics": {}}


def batch_of(extents: list[tuple[int, int]], shape: tuple[int, int], channels: int) -> dict[str, np.ndarray]:
    """Noise, outside of the images too."""
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (len(extents), *shape, channels), np.uint8)
    labels = generator.integers(0, 10, len(extents)).astype(np.int32)
    return {"image": images, "extent": np.array(extents, np.int32), "label": labels}


def see(view: Any, variables: dict, batch: dict) -> dict[str, np.ndarray]:
    """On all devices, which between them must exchange nothing."""
    devices = Devices()
    copies = {name: np.concatenate([rows] * 8)[:8] for name, rows in batch.items()}
    replicated, placed = devices.replicate(variables), devices.shard_rows(copies)
    compiled = devices.compile_evaluation(view, replicated, placed, rows=True)
    assert count_collectives(compiled) == {}
    rows = len(batch["label"])
    return {name: np.asarray(values)[:rows] for name, values in compiled(replicated, placed).items()}


@pytest.fixture(scope="module")
def narrow(linear) -> tuple[Experiment, dict]:
    """VGG with few filters, for images of 224 pixels."""
    experiment = dataclasses.replace(linear, model=NARROW, inputs=PHOTOGRAPHS)
    return experiment, random_variables(NARROW, 224, 3)


def test_dense_is_the_plain_network_of_224_pixels(narrow):
    experiment, variables = narrow
    batch = batch_of([(224, 224)] * 2, (224, 224), 3)
    found = see(make_dense_view(experiment), variables, batch)
    images = normalise(jnp.asarray(batch["image"]), PHOTOGRAPHS, {})
    network = {"params": jax.tree.map(jnp.asarray, variables["params"])}
    scores = [NARROW.apply(network, seen, train=False) for seen in (images, images[:, :, ::-1])]
    np.testing.assert_allclose(found["probabilities"], np.mean([softmax(part) for part in scores], axis=0), rtol=1e-4)
    losses = np.mean([entropy(part, batch["label"]) for part in scores], axis=0)
    np.testing.assert_allclose(found["loss"], losses, rtol=1e-4)


def slide(variables: dict, image: np.ndarray) -> np.ndarray:
    """The fully connected layers, by NumPy, at every 7×7 window of the last pooled map of one image."""
    seen = {}

    def keep(call, args, kwargs, context):
        outputs = call(*args, **kwargs)
        if isinstance(context.module, MaxPool):
            seen[context.module.name] = outputs
        return outputs

    with nn.intercept_methods(keep):
        params = jax.tree.map(jnp.asarray, variables["params"])
        NARROW.over_whole_images(224).apply({"params": params}, jnp.asarray(image[None]), train=False)
    maps, scores = np.asarray(seen["pool5"])[0], []
    for top in range(maps.shape[0] - 6):
        for left in range(maps.shape[1] - 6):
            x = maps[top : top + 7, left : left + 7].reshape(-1)
            for name in ("fc6", "fc7", "fc8"):
                layer = variables["params"][name]
                x = x @ layer["kernel"] + layer["bias"]
                x = np.maximum(x, 0) if name != "fc8" else x
            scores.append(x)
    return np.array(scores)


def test_dense_is_the_mean_of_a_network_that_slides_over_the_image(narrow):
    """VGG §3.2. Landscape, portrait and an odd size share the batch; scores are averaged before the softmax."""
    experiment, variables = narrow
    extents = [(256, 320), (256, 256), (301, 230)]
    batch = batch_of(extents, (320, 352), 3)
    found = see(make_dense_view(experiment), variables, batch)["probabilities"]
    for row, (height, width) in enumerate(extents):
        cropped = jnp.asarray(batch["image"][row : row + 1, :height, :width])
        image = np.asarray(normalise(cropped, PHOTOGRAPHS, {}))[0]
        places = [slide(variables, seen) for seen in (image, image[:, ::-1])]
        assert len(places[0]) == (height // 32 - 6) * (width // 32 - 6)
        expected = np.mean([softmax(part.mean(axis=0)) for part in places], axis=0)
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-6)


def linear_scores(variables: dict, view: np.ndarray) -> np.ndarray:
    layer = variables["params"]["fc"]
    return view.reshape(-1) @ layer["kernel"].astype(np.float64) + layer["bias"]


def resized(view: np.ndarray, size: int) -> np.ndarray:
    """By Pillow's antialiased triangle filter, in floating point. view: [side, side, 1]."""
    image = Image.fromarray(view[:, :, 0].astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)[:, :, None].astype(np.float64)


def windows_by_loop(height: int, width: int, size: int, name: str) -> list[tuple[int, int, int]]:
    """(top, left, side) of each."""
    if name == "grid":
        tops, lefts = (np.floor(np.linspace(0, side - size, 5) + 0.5).astype(int) for side in (height, width))
        return [(int(top), int(left), size) for top in tops for left in lefts]
    scale, found = min(height, width), []
    for offset in (0, (max(height, width) - scale) // 2, max(height, width) - scale):
        top, left = (offset, 0) if height > width else (0, offset)
        room, half = scale - size, (scale - size) // 2
        found.append((top, left, scale))
        found += [(top + y, left + x, size) for y, x in ((0, 0), (0, room), (room, 0), (room, room), (half, half))]
    return found


@pytest.mark.parametrize(("choose", "count"), [(grid, 50), (three_squares, 36)])
def test_windows_are_seen_one_by_one_and_mirrored(linear, choose, count):
    """Of landscape, portrait and square images: VGG's 50 a scale, GoogLeNet's 144 at four."""
    variables = random_variables(linear.model, 8, 1)
    extents = [(12, 19), (17, 12), (12, 12), (12, 20)]
    batch = batch_of(extents, (20, 20), 1)
    found = see(make_windows_view(linear, choose, 12), variables, batch)
    for row, (height, width) in enumerate(extents):
        pixels = (batch["image"][row, :height, :width].astype(np.float64) - 64.0) / 255
        views = []
        for top, left, side in windows_by_loop(height, width, 8, choose.__name__):
            view = pixels[top : top + side, left : left + side]
            view = view if side == 8 else resized(view, 8)
            views += [view, view[:, ::-1]]
        scores = np.array([linear_scores(variables, view) for view in views])
        assert len(scores) == count
        np.testing.assert_allclose(found["probabilities"][row], softmax(scores).mean(axis=0), rtol=1e-4, atol=1e-6)
        losses = entropy(scores, np.full(count, batch["label"][row]))
        np.testing.assert_allclose(found["loss"][row], losses.mean(), rtol=1e-4)


def test_a_mean_image_becomes_its_channels_mean(linear):
    """It belongs to the square; a whole image at another scale has no such pixels."""
    inputs = Inputs(size=8, channels=3, stored_size=10, mean="picture", scale=1 / 100)
    variables = random_variables(linear.model, 8, 3)
    mean = np.random.default_rng(2).uniform(0, 255, (10, 10, 3)).astype(np.float32)
    batch = batch_of([(12, 16)] * 2, (12, 20), 3)
    by_image = dataclasses.replace(linear, inputs=inputs)
    by_channel = dataclasses.replace(
        linear, inputs=dataclasses.replace(inputs, mean=tuple(float(value) for value in mean.mean(axis=(0, 1))))
    )
    found = [
        see(make_windows_view(experiment, grid, 12), {**variables, "statistics": statistics}, batch)["probabilities"]
        for experiment, statistics in ((by_image, {"mean": mean}), (by_channel, {}))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    assert np.ptp(found[0], axis=1).min() > 0.01


def test_pixels_are_cut_and_mirrored_where_they_should_be():
    images = jnp.asarray(np.random.default_rng(3).normal(size=(3, 5, 7, 2)), jnp.float32)
    corners = [(0, 0), (1, 3), (2, 4)]
    found = cut(images, jnp.array(corners, jnp.int32), 3)
    widths = [7, 4, 1]
    mirrored = mirror(images, jnp.array(widths, jnp.int32))
    for row, ((top, left), width) in enumerate(zip(corners, widths, strict=True)):
        image = np.asarray(images)[row]
        np.testing.assert_array_equal(found[row], image[top : top + 3, left : left + 3])
        np.testing.assert_array_equal(mirrored[row, :, :width], image[:, :width][:, ::-1])


def test_the_fully_convolutional_form(linear, narrow):
    experiment, _ = narrow
    assert convolutional(experiment) == NARROW.over_whole_images(224)
    assert convolutional(linear) == linear.model
    half = convolutional(dataclasses.replace(experiment, precision="bfloat16"))
    assert half.dtype == jnp.bfloat16  # type: ignore[attr-defined]
