"""What the recipes of NiN, VGG, GoogLeNet and ResNet do to whole runs, on small networks and embedded pictures."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evaluation_answers import errors_of
from linear_network import LINEAR
from train_steps import fresh_state, train_step

from jaxcnn.augmentation.augment import normalise
from jaxcnn.augmentation.random_crops import AreaCrop
from jaxcnn.config.experiment import Experiment, Plateau, WarmUp
from jaxcnn.config.inputs import Inputs, Photometric, Whitening
from jaxcnn.errors import UsageError
from jaxcnn.models.layers.core import Dense
from jaxcnn.models.vgg import VGG
from jaxcnn.optim.losses import AuxiliaryCrossEntropy, SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.trained import restore_state
from jaxcnn.training import state as train_state

pytestmark = pytest.mark.usefixtures("plain_convolutions")


class WithHead(nn.Module):
    """Logits, and in training those of a head too."""

    num_classes: int = 10
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        logits = Dense(self.num_classes, name="fc", dtype=self.dtype)(images)
        if not (train or self.is_initializing()):
            return logits
        head = Dense(self.num_classes, name="aux", dtype=self.dtype)(images)
        return (logits, (head,)) if train else logits


DIGITS = dataclasses.replace(
    LINEAR,
    model=WithHead(),
    inputs=Inputs(size=8, channels=1, stored_size=8, mean=64.0, scale=1 / 64),
    loss=AuxiliaryCrossEntropy(),
    schedule=Constant(0.01),
    steps=24,
    evaluation_batch_size=360,
    name="small",
)


def events(workdir: Path, event: str) -> list[dict]:
    found = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return [line for line in found if line["event"] == event]


def test_the_warm_up_ends_when_the_training_error_has_fallen(tmp_path):
    experiment = dataclasses.replace(
        DIGITS, schedule=Constant(0.05), warmup=WarmUp(factor=0.1, until_error=70.0), steps=60
    )
    fit(experiment, workdir=tmp_path / "run")
    trained = events(tmp_path / "run", "train")
    over = next(line["step"] for line in trained if line["top1_error"] < 70)
    assert trained[0]["top1_error"] >= 70
    assert [line["step"] for line in events(tmp_path / "run", "warmup")] == [over]
    for line in trained:
        assert line["rate"] == pytest.approx(0.005 if line["step"] <= over else 0.05)
    fit(experiment, workdir=tmp_path / "cut", steps=over + 3)  # stopped after the warm-up, and going on
    assert fit(experiment, workdir=tmp_path / "cut")["steps"] == 60
    assert events(tmp_path / "cut", "train")[-1]["rate"] == pytest.approx(0.05)


def test_the_plateau_can_watch_the_training_error(tmp_path):
    """Every evaluation sees the mean training error since the one before."""
    plateau = Plateau(factor=0.5, patience=1, reductions=9, watch="training")
    experiment = dataclasses.replace(DIGITS, plateau=plateau, evaluate_every=8 / 89, schedule=Constant(1e-9), steps=48)
    fit(experiment, workdir=tmp_path)
    trained = events(tmp_path, "train")
    best, scale = np.inf, 1.0
    for step in range(8, 49, 8):
        window = [line for line in trained if step - 8 < line["step"] <= step]
        error = sum(line["top1_error"] * line["count"] for line in window) / sum(line["count"] for line in window)
        scale, best = (scale, error) if error < best else (scale * 0.5, best)
    dropped = events(tmp_path, "plateau")
    assert dropped and dropped[-1]["scale"] == pytest.approx(scale)


@pytest.mark.parametrize("watch", ["training", "validation"])
def test_a_stop_on_the_way_changes_nothing(tmp_path, watch):
    """What is logged and evaluated at a stop, the controllers don't see: the longer run wouldn't have been there."""
    plateau = Plateau(factor=0.5, patience=1, reductions=9, watch=watch)
    warmup = WarmUp(factor=0.1, until_error=90.0)
    experiment = dataclasses.replace(DIGITS, plateau=plateau, warmup=warmup, evaluate_every=8 / 89, steps=24)
    whole = fit(experiment, workdir=tmp_path / "whole")
    for stop in (3, 11, 13):
        assert fit(experiment, workdir=tmp_path / "cut", steps=stop)["steps"] == stop
    cut = fit(experiment, workdir=tmp_path / "cut")
    assert cut["params_sha256"] == whole["params_sha256"] and cut["train"] == whole["train"]
    assert events(tmp_path / "cut", "plateau") == events(tmp_path / "whole", "plateau")


def test_the_average_is_what_is_evaluated(tmp_path):
    experiment = dataclasses.replace(DIGITS, averaging=0.9)
    summary = fit(experiment, workdir=tmp_path)
    state = restore_state(experiment, tmp_path, Devices())
    assert not np.allclose(state.average["fc"]["kernel"], state.params["fc"]["kernel"])
    again = evaluate(tmp_path, experiment=experiment)
    assert errors_of(again) == summary["evaluation"]
    variables = train_state.evaluation_variables(state)
    chex.assert_trees_all_equal(variables["params"], state.average)
    plain = dataclasses.replace(state, average={})
    chex.assert_trees_all_equal(train_state.evaluation_variables(plain)["params"], state.params)


def test_whitening_is_computed_saved_and_used(tmp_path):
    experiment = dataclasses.replace(DIGITS, inputs=Inputs(size=8, channels=1, stored_size=8, whitening=Whitening()))
    summary = fit(experiment, workdir=tmp_path, steps=12)
    state = restore_state(experiment, tmp_path, Devices())
    assert state.statistics["zca"].shape == (64, 64) and float(jnp.abs(state.statistics["mean"]).max()) > 1
    assert errors_of(evaluate(tmp_path, experiment=experiment)) == summary["evaluation"]
    assert fit(experiment, workdir=tmp_path)["steps"] == 24  # goes on with the statistics that were saved


def test_random_areas_are_cut_on_the_host(tmp_path):
    """Pictures that would fit on the device stream from the host; the run resumes to the bit."""
    inputs = Inputs(size=12, channels=3, stored_size=16, mean=127.5, scale=1 / 64, crop=AreaCrop())
    experiment = dataclasses.replace(DIGITS, data="photos", inputs=inputs, steps=6, checkpoint_every=3)
    whole = fit(experiment, workdir=tmp_path / "whole", data="photos")
    fit(experiment, workdir=tmp_path / "cut", data="photos", steps=3)
    assert fit(experiment, workdir=tmp_path / "cut", data="photos")["params_sha256"] == whole["params_sha256"]


# One block of one convolution and one of two, narrow: net A and net D in small.
SMALL_A = VGG(num_classes=10, blocks=((3,), (3, 3)), features=(4, 6), hidden_units=8)
SMALL_D = SMALL_A.clone(blocks=((3, 3), (3, 3, 3)))


def net(model: VGG, **fields: Any) -> Experiment:
    inputs = Inputs(size=16, channels=1, stored_size=16, mean=64.0, scale=1 / 64)
    return dataclasses.replace(
        DIGITS, model=model, loss=SoftmaxCrossEntropy(), inputs=inputs, steps=2, batch_size=8, **fields
    )


@pytest.fixture(scope="module")
def run_of_a(tmp_path_factory) -> Path:
    """The folder of a run of net A."""
    workdir = tmp_path_factory.mktemp("runs") / "A"
    fit(net(SMALL_A), workdir=workdir)
    return workdir


def test_deeper_nets_begin_with_layers_of_net_a(tmp_path, run_of_a):
    """VGG §3.1: some layers are A's, the others random; at a rate of 0 they stay so."""
    theirs = restore_state(net(SMALL_A), run_of_a, Devices()).params
    layers = ("conv1_1", "conv2_1", "conv2_2", "fc6", "fc7", "fc8")
    options = {"schedule": Constant(0.0), "init_layers": layers}
    fit(net(SMALL_D, **options), workdir=tmp_path / "random")
    fit(net(SMALL_D, init_from=str(run_of_a), **options), workdir=tmp_path / "D")
    random, ours = (restore_state(net(SMALL_D), tmp_path / name, Devices()).params for name in ("random", "D"))
    for name in layers:
        chex.assert_trees_all_equal(ours[name], theirs[name])
        assert not np.array_equal(ours[name]["kernel"], random[name]["kernel"])
    for name in ("conv1_2", "conv2_3"):
        chex.assert_trees_all_equal(ours[name], random[name])


def test_all_layers_can_be_taken_over(tmp_path, run_of_a):
    """As VGG's nets for larger scales begin with those for smaller ones."""
    theirs = restore_state(net(SMALL_A), run_of_a, Devices()).params
    again = net(SMALL_A, init_from=str(run_of_a), schedule=Constant(0.0), averaging=0.5)
    fit(again, workdir=tmp_path / "again")
    state = restore_state(again, tmp_path / "again", Devices())
    chex.assert_trees_all_equal(state.params, theirs)
    chex.assert_trees_all_close(state.average, theirs)


def test_what_cant_be_taken_over_is_answered_in_a_line(tmp_path, run_of_a):
    with pytest.raises(UsageError, match=r"init_from \(=.*nowhere\) is no run's folder"):
        fit(net(SMALL_D, init_from=str(tmp_path / "nowhere")), workdir=tmp_path / "D")
    options = {"init_from": str(run_of_a)}
    with pytest.raises(UsageError, match=r"init_layers: the network in .*A has no layer 'conv1_2'"):
        fit(net(SMALL_D, init_layers=("conv1_2",), **options), workdir=tmp_path / "D2")
    with pytest.raises(UsageError, match=r"init_layers: small:test has no layer 'conv9_9'"):
        fit(net(SMALL_D, init_layers=("conv9_9",), **options), workdir=tmp_path / "D3")
    wide = SMALL_D.clone(hidden_units=16)
    with pytest.raises(UsageError, match=r"init_from: layer fc6 is .*\(96, 8\).* here it is .*\(96, 16\)"):
        fit(net(wide, init_layers=("fc6",), **options), workdir=tmp_path / "D4")


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_equal_one(mode):
    """Photometric distortion, whitening, the auxiliary head, the average, the rate of biases: after three steps."""
    inputs = Inputs(
        size=8,
        channels=3,
        stored_size=8,
        pad=2,
        mirror=True,
        photometric=Photometric(brightness=0.5, contrast=0.5, colour=0.5),
        whitening=Whitening(),
    )
    experiment = dataclasses.replace(
        DIGITS, inputs=inputs, averaging=0.9, optimizer=Momentum(0.9, 0.01, decay_biases=False, bias_rate=2.0)
    )
    generator = np.random.default_rng(0)
    zca = np.linalg.qr(generator.normal(size=(192, 192)))[0].astype(np.float32)
    statistics = {"mean": generator.normal(size=192).astype(np.float32), "zca": zca}
    images, labels = generator.integers(0, 256, (16, 8, 8, 3), np.uint8), generator.integers(0, 10, 16, np.int32)

    def train(devices: Devices) -> train_state.TrainState:
        state = fresh_state(experiment, devices, statistics=statistics)
        step = train_step(experiment, devices)
        placed = devices.shard_batch({"image": images, "label": labels})
        compiled = devices.compile(step, state, placed)
        for _ in range(3):
            state, _ = compiled(state, placed)
        return jax.device_get(state)

    one, eight = train(Devices("jit", jax.devices()[:1])), train(Devices(mode))
    chex.assert_trees_all_close((eight.params, eight.average), (one.params, one.average), atol=1e-5)
    fresh = train_state.create_for(experiment, experiment.optimizer.transformation(), seed=3, statistics=statistics)
    for name in ("fc", "aux"):
        assert float(np.abs(one.params[name]["kernel"] - np.asarray(fresh.params[name]["kernel"])).max()) > 1e-3
    assert normalise(jnp.asarray(images), inputs, fresh.statistics).shape == (16, 12, 12, 3)
