"""TensorBoard's images of the start: the filters, and the first batch as the train step sees it."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxcnn
from jaxcnn.augmentation.augment import training_inputs
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs, Photometric
from jaxcnn.data.loading.order import batch_at
from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.sources import open_source
from jaxcnn.models.lenet_variants import ModernLeNet5
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.record import Record
from jaxcnn.runs.first_images import first_inputs, log_first_images
from jaxcnn.training import state as train_state
from jaxcnn.training.feed import Feed
from jaxcnn.training.steps import step_keys

SOURCE = open_source("photos", "train")


def made(experiment: Experiment, seed: int = 3) -> tuple[Feed, train_state.TrainState]:
    optimizer = experiment.optimizer.transformation()
    create = train_state.create_for(experiment, optimizer, seed=seed)
    return Feed(experiment, SOURCE, Devices(), seed=seed), Devices().replicate(create)


@pytest.fixture
def mirrored(linear) -> Experiment:
    inputs = Inputs(
        size=28,
        channels=3,
        stored_size=32,
        mirror=True,
        photometric=Photometric(brightness=0.5, contrast=0.5, colour=0.5),
    )
    return dataclasses.replace(linear, inputs=inputs, batch_size=32, model=ModernLeNet5())


def test_they_are_the_first_step_s_own(mirrored):
    """The same records, with the same random changes, as the step computes them."""
    feed, state = made(mirrored)
    places = batch_at(len(SOURCE), 32, seed=3, step=0)
    images = read_batch(SOURCE, places, size=32, channels=3)["image"]
    whole = training_inputs(jax.numpy.asarray(images), step_keys(state, 32)[0], mirrored.inputs, {})
    np.testing.assert_allclose(first_inputs(mirrored, feed, state), whole[:16], rtol=1e-5, atol=1e-3)


def test_images_that_are_streamed_are_those_of_the_pipeline(mirrored):
    inputs = dataclasses.replace(mirrored.inputs, stored_size=80, size=72, mirror=False, photometric=None)
    large = dataclasses.replace(mirrored, inputs=inputs, batch_size=24)
    feed, state = made(large)
    assert feed.streams
    first = next(feed.host_batches(0))["image"][:12]  # the largest part of 24 that isn't more than 16
    np.testing.assert_array_equal(feed.first_images(16), first)
    assert first_inputs(large, feed, state).shape == (12, 72, 72, 3)


class Kept(Record):
    def __init__(self, *_, **__) -> None:
        self.writes, self.images = True, {}

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        self.images[name] = (step, image.shape, image.dtype)


def test_both_are_written(mirrored):
    record, said = Kept(), []
    log_first_images(record, mirrored, *made(mirrored), said.append)
    assert record.images.keys() == {"first_layer/filters", "first_batch/augmented"} and said == []
    assert all(step == 0 and shape[-1] == 3 and kind == np.uint8 for step, shape, kind in record.images.values())


def test_what_fails_is_a_note(mirrored, monkeypatch):
    feed, state = made(mirrored)
    monkeypatch.setattr(feed, "first_images", lambda most: 1 / 0)
    record, said = Kept(), []
    log_first_images(record, mirrored, feed, state, said.append)
    assert said == ["note: TensorBoard has no images of the start: division by zero"]


def test_a_run_writes_them_once(linear, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Record, "image", lambda self, step, name, image: written.append((step, name)))
    jaxcnn.fit(linear, workdir=tmp_path / "run", steps=8)
    jaxcnn.fit(linear, workdir=tmp_path / "run", steps=16)
    assert written == [(0, "first_batch/augmented")], "a linear network has no filters"
    assert jax.process_index() == 0
