"""Every experiment learns, takes three steps and is evaluated: its own network, recipe and input, on small images."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn
from jaxcnn.config.overrides import override, set_path
from jaxcnn.data import embedded
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs import plan
from jaxcnn.runs.length import Length
from jaxcnn.runs.resolve import resolve
from jaxcnn.runs.run import Run
from jaxcnn.runs.trained import restore_state
from jaxcnn.training.metrics import divide, zero_sums

pytestmark = pytest.mark.usefixtures("plain_convolutions")

BATCH, PICTURES = 4, 12
# Parts of the recipe's rate in two steps on one batch. The first is small, as the recipe's is for larger batches, so
# that the loss falls; the second moves values of about 1 by more than float32 rounds, however small their gradients.
RATES = (0.25, 1e4)


def square(size: int, stored: int | None = None) -> tuple[str, ...]:
    return f"inputs.size={size}", f"inputs.stored_size={stored or size}"


# Experiment, or experiment and variant → what makes it small. The widths are the paper's but for hidden_units.
SMALL = {
    "alexnet_2012": (*square(67, 72), "model.hidden_units=64"),
    "cnn_primer": square(14),
    "lenet5_1998": (),
    "nin_2013": square(16),
    "nin_2013:imagenet": square(99, 104),
    "vgg_2014": (*square(32, 36), "model.hidden_units=64"),
    "googlenet_2014": square(80),
    # The recipe's rate is for 256 pictures of 224 pixels. The last maps are 1×1 here, and batch norm over their four
    # values gives the deepest networks gradients with which evaluation overflows after three such steps.
    "resnet_2015": (*square(32, 36), "schedule.rate=0.00001"),
    # With weights in its 50 shortcuts, 152-C overflowed on such pictures even at 1e-8.
    "resnet_2015:152-C": (*square(64, 72), "schedule.rate=0.00000001"),
    **{
        f"resnet_2015:{depth}-v1.5": (*square(32, 36), "schedule.rates=(0.00001,0.000001,0.0000001)")
        for depth in (18, 34, 50, 101, 152)
    },
    "resnet_cifar_2015": square(16),
}
GREY = {"lenet5_1998", "cnn_primer", "nin_2013:mnist"}
QUICK = {
    *("alexnet_2012:paper", "cnn_primer:paper", "lenet5_1998:paper", "nin_2013:cifar10"),
    *("vgg_2014:D", "resnet_cifar_2015:20"),
}
TOO_DEEP = {"resnet_cifar_2015:1202"}  # minutes to compile, and nothing in it that 110 layers haven't


def titles() -> list:
    found = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]
    assert set(found) >= QUICK | TOO_DEEP
    return [
        title if title in QUICK else pytest.param(title, marks=pytest.mark.slow)
        for title in found
        if title not in TOO_DEEP
    ]


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    """Twelve test pictures, one device, random numbers that compile quickly."""
    monkeypatch.setitem(embedded.PHOTO_COUNTS, "train", 4 * PICTURES)
    monkeypatch.setitem(embedded.PHOTO_COUNTS, "test", PICTURES)
    monkeypatch.setattr(plan, "Devices", lambda mode, **_: Devices(mode, jax.devices()[:1]))
    with jax.default_prng_impl("unsafe_rbg"):
        yield


def learn(run: Run) -> tuple[list[float], dict, dict]:
    """Takes the run's first step twice on one batch, in a copy of its state.

    The step's number stays the same, and with it the dropout and the augmentation.

    Returns:
      The losses before each of the two updates, and the parameters {path: values} before and after both.
    """
    first = jax.device_get(run.state)
    batches = run.feed.batches(0)
    batch = next(batches)
    batches.close()
    state, losses = first, []
    for rate in RATES:
        plateau = dataclasses.replace(first.plateau, scale=np.float32(rate))
        state = dataclasses.replace(state, step=first.step, sums=zero_sums(), plateau=plateau)
        state, _ = run.step_function(run.devices.place(state), batch, *run.feed.resident)
        losses.append(divide(state.sums)["loss"])
    before, after = (
        {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(params)}
        for params in (first.params, state.params)
    )
    return losses, before, after


def has_learned(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a parameter has changed by more than weight decay, which only scales it, and rounding."""
    whole = change = after.astype(np.float64) - before
    if before.size > 1 and before.any():
        change = whole - before * (np.vdot(whole, before) / np.vdot(before, before))
    return bool(np.abs(change).max() > 1e-4 * np.abs(whole).max())


@pytest.fixture
def learned(monkeypatch):
    """What `learn` gives of the run that `fit` makes, before it trains."""
    found, train = [], Run.train

    def learn_and_train(run):
        found.append(learn(run))
        train(run)

    monkeypatch.setattr(Run, "train", learn_and_train)
    return found


@pytest.mark.parametrize("title", titles())
def test_it_learns_then_takes_three_steps_and_an_evaluation(title, tmp_path, learned):
    name = title.split(":")[0]
    grey = title in GREY or name in GREY
    settings = (*SMALL.get(title, SMALL[name]), f"batch_size={BATCH}", f"evaluation_batch_size={PICTURES}")
    settings += ("model.num_classes=10", "checkpoint_every=3")
    # Whole pictures at the papers' scales are for the papers' sizes; tests/evaluation has them.
    squares = tuple(name for name in jaxcnn.load(title).protocols if name in ("center", "ten_crop"))
    experiment = override(jaxcnn.load(title), *settings, f"protocols={squares}")
    summary = jaxcnn.fit(experiment, data="digits" if grey else "photos", workdir=tmp_path, steps=3)
    assert (summary["steps"], summary["examples"]) == (3, 3 * BATCH)
    assert list(summary["evaluation"]) == list(experiment.protocols)
    for metrics in summary["evaluation"].values():
        assert math.isfinite(metrics["loss"]) and metrics["count"] == (359 if grey else PICTURES)

    ((losses, before, after),) = learned
    still = [path for path in before if not has_learned(before[path], after[path])]
    assert not still, "these parameters stay as they were initialised"
    assert losses[1] < losses[0]

    state = restore_state(experiment, tmp_path, Devices("jit", jax.devices()[:1]))
    for path, leaf in jax.tree.leaves_with_path((state.params, state.batch_stats)):
        assert jnp.isfinite(leaf).all(), jax.tree_util.keystr(path)


@pytest.mark.parametrize(
    "title",
    sorted(
        QUICK
        | {
            "resnet_2015:18",
            "googlenet_2014:paper",
            "nin_2013:mnist",
            "nin_2013:imagenet",
            "resnet_2015:50-v1.5",
            "vgg_2014:D-bn",
        }
    ),
)
def test_the_rehearsal_can_be_made(title):
    """Its overrides fit the experiment, and the network its input."""
    experiment = jaxcnn.load(title)
    assert experiment.rehearsal is not None
    resolved = resolve(experiment, Choice(experiment.rehearsal.data, True, "", ""), (), 10)
    assert getattr(resolved.model, "num_classes", 10) == 10
    assert type(resolved.model) is type(experiment.model)
    length = Length.of(resolved, 1438 if experiment.rehearsal.data == "digits" else 2000)
    assert length.planned * resolved.batch_size <= 60_000 or title.startswith("lenet5")


@pytest.mark.parametrize("title", [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)])
def test_every_variant_says_what_a_paper_does(title):
    """A rehearsal whose overrides fit, the paper's figures, and an end."""
    experiment = jaxcnn.load(title)
    assert experiment.rehearsal is not None and experiment.deviations
    for path, value in experiment.rehearsal.overrides.items():
        experiment = set_path(experiment, path, value)
    results = experiment.paper.results
    assert all(0 < error < 100 for result in results for error in (result.top1_error, result.top5_error) if error)
    assert all(result.top1_error or result.top5_error for result in results)
