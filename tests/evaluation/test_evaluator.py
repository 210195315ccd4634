"""Errors on a split, against a count in NumPy."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.sources import open_source
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.parallel.devices import Devices

TEST = open_source("digits", "test")  # 359 images: no multiple of 8 devices


def weights(features: int) -> dict:
    generator = np.random.default_rng(3)
    kernel = generator.normal(size=(features, 10)).astype(np.float32)
    return {"fc": {"kernel": kernel, "bias": generator.normal(size=10).astype(np.float32)}}


def variables(params: dict) -> dict:
    return Devices().replicate({"params": params, "batch_stats": {}, "statistics": {}})


def scores_by_numpy(images: np.ndarray, params: dict) -> np.ndarray:
    inputs = (images.astype(np.float64) - 64.0) / 255
    return inputs.reshape(len(images), -1) @ params["fc"]["kernel"].astype(np.float64) + params["fc"]["bias"]


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def errors_by_numpy(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Top-1 and top-5 error in percent, by sorting."""
    order = np.argsort(-scores, axis=1)
    hits = [sum(label in row[:best] for label, row in zip(labels, order, strict=True)) for best in (1, 5)]
    first, fifth = (100 * (1 - hit / len(labels)) for hit in hits)
    return first, fifth


@pytest.mark.parametrize(
    ("batch_size", "wanted"),
    [(16, None), (120, None), (16, 1), (16, 7), (16, 64), (16, 359), (16, 5000)],
)
def test_every_image_counts_once_whatever_the_batch(linear, batch_size, wanted):
    experiment = dataclasses.replace(linear, batch_size=batch_size, evaluation_batch_size=wanted)
    params = weights(64)
    seen = []
    evaluator = Evaluator(experiment, TEST, Devices())
    found = evaluator("center", variables(params), progress=lambda done, total: seen.append((done, total)))

    everything = read_batch(TEST, range(len(TEST)), size=8, channels=1)
    scores = scores_by_numpy(everything["image"], params)
    first, fifth = errors_by_numpy(scores, everything["label"])
    losses = -np.log(softmax(scores)[np.arange(359), everything["label"]])
    assert found["count"] == 359 and seen[-1] == (359, 359)
    np.testing.assert_allclose(found["top1_error"], first, rtol=1e-6)
    np.testing.assert_allclose(found["top5_error"], fifth, rtol=1e-6)
    np.testing.assert_allclose(found["loss"], losses.mean(), rtol=1e-5)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize("protocol", ["center", "ten_crop"])
def test_large_images_are_streamed_and_crops_averaged(linear, protocol):
    """Images over 64 pixels don't live on the device. Softmax outputs are averaged, not scores."""
    inputs = dataclasses.replace(linear.inputs, stored_size=66, size=64)
    experiment = dataclasses.replace(linear, inputs=inputs)
    params = weights(64 * 64)
    found = Evaluator(experiment, TEST, Devices())(protocol, variables(params))

    everything = read_batch(TEST, range(len(TEST)), size=66, channels=1)
    places = [(1, 1)] if protocol == "center" else [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    views = [everything["image"][:, top : top + 64, left : left + 64] for top, left in places]
    views += [view[:, :, ::-1] for view in views] if protocol == "ten_crop" else []
    averaged = np.mean([softmax(scores_by_numpy(view, params)) for view in views], axis=0)
    first, fifth = errors_by_numpy(averaged, everything["label"])
    assert found["count"] == 359
    # Softmax in float32 may round two probabilities to the same number: an image's worth of difference at most.
    np.testing.assert_allclose([found["top1_error"], found["top5_error"]], [first, fifth], atol=100 / 359 + 1e-6)


def test_a_second_evaluation_does_not_compile_again(linear):
    params = variables(weights(64))
    evaluator = Evaluator(linear, TEST, Devices())
    first = evaluator("center", params)
    with jax.transfer_guard("allow"), jax.log_compiles(False):
        compiled = dict(evaluator._compiled)
        assert evaluator("center", params) == first
    assert evaluator._compiled == compiled and set(compiled) == {"center"}
