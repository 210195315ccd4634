"""Runs that begin with another network's layers and new classes, or that train some layers alone."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import chex
import flax.linen as nn
import jax
import numpy as np
import pytest
from linear_network import LINEAR

import jaxcnn
from jaxcnn.analysis.dry_run import dry_run
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.config.overrides import override
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.errors import UsageError
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Dense
from jaxcnn.optim.losses import AuxiliaryCrossEntropy
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.folder import identity
from jaxcnn.runs.new_classifier import new_classifier
from jaxcnn.runs.resolve import resolve
from jaxcnn.runs.trained import rebuild, restore_state
from jaxcnn.runs.warm_start import read
from jaxcnn.training import state as train_state
from jaxcnn.training.layers import without


class Head(nn.Module):
    """An auxiliary head: a layer of its own, and a classifier."""

    num_classes: int

    @nn.compact
    def __call__(self, x):
        return Dense(self.num_classes, name="classifier")(nn.relu(Dense(6, name="fc")(x)))


class Branched(nn.Module):
    """Batch normalisation, a head within, and a classifier."""

    num_classes: int = 10
    hidden: int = 12

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = Dense(self.hidden, name="fc1")(images)
        x = nn.relu(BatchNorm(name="bn1")(x, train=train))
        logits = Dense(self.num_classes, name="fc2")(x)
        if not (train or self.is_initializing()):
            return logits
        head = Head(self.num_classes, name="aux")(x)
        return (logits, (head,)) if train else logits


BASE = dataclasses.replace(
    LINEAR,
    model=Branched(),
    loss=AuxiliaryCrossEntropy(),
    inputs=Inputs(size=8, channels=1, stored_size=8, mean="picture", scale=1 / 64),
    schedule=Constant(0.02),
    steps=12,
    evaluation_batch_size=360,
    name="branched",
)
NEW = {"fc2", "aux.classifier"}


class Told(Silent):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The folder of a run with twelve outputs."""
    folder = tmp_path_factory.mktemp("source") / "A"
    fit(override(BASE, "model.num_classes=12"), workdir=folder)
    return folder


def ran(experiment: Experiment, workdir: Path, **options: Any) -> tuple[train_state.TrainState, list[str]]:
    display = Told()
    fit(experiment, workdir=workdir, display=display, **options)
    return jax.device_get(restore_state(experiment, workdir, Devices())), display.lines


def test_all_but_the_classifiers_are_taken(source, tmp_path):
    """At a rate of 0 they stay: the layers are the other run's, the classifiers those of a run of its own."""
    still = dataclasses.replace(BASE, schedule=Constant(0.0))
    ours, lines = ran(dataclasses.replace(still, init_from=str(source)), tmp_path / "B", steps=1)
    own, _ = ran(still, tmp_path / "own", steps=1)
    theirs = restore_state(override(BASE, "model.num_classes=12"), source, Devices())
    chex.assert_trees_all_equal(without(ours.params, NEW), without(theirs.params, NEW))
    assert without(ours.params, NEW)["aux"].keys() == {"fc"}
    for tree in (ours.params, own.params):
        assert tree["fc2"]["kernel"].shape == (12, 10) and tree["aux"]["classifier"]["bias"].shape == (10,)
    chex.assert_trees_all_equal(ours.params["fc2"], own.params["fc2"])
    chex.assert_trees_all_equal(ours.params["aux"]["classifier"], own.params["aux"]["classifier"])
    assert not np.array_equal(ours.params["fc1"]["kernel"], own.params["fc1"]["kernel"])
    chex.assert_trees_all_equal(ours.statistics, theirs.statistics)
    said = next(number for number, line in enumerate(lines) if line.startswith("begins with"))
    what = f"begins with all layers but the classifiers of {source} at step 12, batch statistics with them"
    assert lines[said] == f"{what}, and with its mean image"
    assert lines[said + 1] == "the classifiers begin anew (aux.classifier, fc2): 12 classes there, 10 here"


def test_layers_that_are_named_keep_their_meaning(source, tmp_path):
    """A classifier among them begins anew; where nothing else is named, nothing is left."""
    experiment = dataclasses.replace(BASE, init_from=str(source))
    some = read(dataclasses.replace(experiment, init_layers=("fc1", "fc2")), Devices())
    assert some.params.keys() == {"fc1"} and not some.batch_stats and some.statistics is None
    assert "1 of 4 layers (fc1) of" in some.notes[0]
    assert some.notes[1] == "the classifier begins anew (fc2): 12 classes there, 10 here"
    assert len(some.notes) == 2
    still = read(dataclasses.replace(experiment, train_only=("fc2", "aux.fc")), Devices())
    assert still.notes[2] == "note: aux.classifier keeps its first random values, as train_only leaves it out"
    with pytest.raises(UsageError, match=r"init_from: nothing of .*A is left .* the classifier begins anew \(fc2\)"):
        read(dataclasses.replace(experiment, init_layers=("fc2",)), Devices())


def test_other_shapes_stay_errors(source):
    for model in (Branched(hidden=7), Branched(hidden=7, num_classes=12)):
        experiment = dataclasses.replace(BASE, init_from=str(source), model=model)
        with pytest.raises(UsageError, match=r"init_from: layer .* is .*12.* in .*A, here it is .*7") as caught:
            read(experiment, Devices())
        assert "\n" not in str(caught.value)


def test_as_many_classes_of_other_names_are_told(tmp_path):
    """The classifier is taken, as `init_from` always did; the run says how to begin it anew."""
    fit(BASE, workdir=tmp_path / "A", steps=1)
    experiment = dataclasses.replace(BASE, init_from=str(tmp_path / "A"))
    same, others = (read(experiment, Devices(), names) for names in (tuple("0123456789"), tuple("abcdefghij")))
    assert len(same.notes) == 1 and "all 4 layers of" in same.notes[0]
    assert others.notes[0] == same.notes[0] and others.sha256 == same.sha256
    assert others.notes[1].startswith("note: its classes are others (0, …; here a, …), but as many, so that ")
    assert "fc2" in others.notes[1] and "aux.classifier" in others.notes[1]


def test_googlenets_three_classifiers():
    experiment = override(jaxcnn.load("googlenet_2014"), "inputs.size=80", "inputs.stored_size=80", "inputs.crop=None")

    def shapes(num_classes: int) -> Any:
        model = experiment.model.clone(num_classes=num_classes)
        return jax.eval_shape(lambda: train_state.init(model, experiment))

    ours, theirs = shapes(10), shapes(1000)
    new = new_classifier(override(experiment, "model.num_classes=10"), ours, theirs, tuple(ours["params"]))
    assert set(new.layers) == {"fc", "aux1.classifier", "aux2.classifier"} and (new.here, new.there) == (10, 1000)
    assert new_classifier(experiment, theirs, theirs, tuple(ours["params"])).layers == ()


def test_lenet5_has_ten_classes():
    """Its output is the distance to ten fixed bitmaps: all of it is taken for ten classes, and no others go."""
    paper = jaxcnn.load("lenet5_1998")
    shapes = jax.eval_shape(lambda: train_state.init(paper.model, paper))
    assert "output" not in shapes["params"]
    assert new_classifier(paper, shapes, shapes, tuple(shapes["params"])).layers == ()
    with pytest.raises(UsageError, match=r"num_classes \(=26\) must be 10: LeNet5's prototypes .* use ModernLeNet5"):
        resolve(paper, Choice("letters", False, "", ""), (), 26)
    fewer = resolve(paper, Choice("signs", False, "", ""), ("model.num_classes=10",), 5)
    assert fewer.model.num_classes == 10  # type: ignore[attr-defined]


FROZEN = dataclasses.replace(
    BASE, train_only=("fc2", "aux"), rate_multipliers={"fc2": 10}, averaging=0.9, checkpoint_every=5
)


def test_a_run_that_trains_some_layers_goes_on_to_the_bit(source, tmp_path):
    experiment = dataclasses.replace(FROZEN, init_from=str(source))
    whole, lines = ran(experiment, tmp_path / "whole")
    assert "trains aux.classifier, aux.fc, fc2 alone: 278 of 1,082 parameters; " in "\n".join(lines)
    for stop in (5, 8):
        ran(experiment, tmp_path / "cut", steps=stop)
    cut, _ = ran(experiment, tmp_path / "cut")
    chex.assert_trees_all_equal(whole, cut)
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("whole", "cut")]
    assert summaries[0]["params_sha256"] == summaries[1]["params_sha256"]
    theirs = restore_state(override(BASE, "model.num_classes=12"), source, Devices())
    for name in ("fc1", "bn1"):
        chex.assert_trees_all_equal((whole.params[name], whole.average[name]), (theirs.params[name],) * 2)
    chex.assert_trees_all_equal(whole.batch_stats, theirs.batch_stats)
    assert {key for key in whole.opt_state[-1].trace} == {"fc2", "aux"}
    center = evaluate(tmp_path / "cut", experiment=experiment)["protocols"]["center"]
    assert center["top1_error"] == summaries[1]["evaluation"]["center"]["top1_error"]
    for fields in ({"train_only": None}, {"rate_multipliers": None}):
        with pytest.raises(UsageError, match=rf"holds another experiment: its {next(iter(fields))} is "):
            fit(dataclasses.replace(experiment, **fields), workdir=tmp_path / "cut", steps=13)


def test_a_name_of_no_layer_is_refused_before_the_folder_is_made(tmp_path):
    for settings, message in (
        (("train_only=('fc3',)",), "train_only: no layer with parameters is called 'fc3'; did you mean 'fc2'"),
        (("rate_multipliers={'bn2': 2}",), "rate_multipliers: no layer with parameters is called 'bn2'"),
        (("train_only=('fc2',)", "rate_multipliers={'fc1': 2}"), "rate_multipliers: 'fc1' isn't trained"),
    ):
        with pytest.raises(UsageError, match=message):
            fit(BASE, workdir=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()


def test_a_run_is_rebuilt_with_its_layers():
    """`eval --workdir` makes the experiment from what experiment.json says."""
    settings = ("train_only=('s3_', 'fc')", 'rate_multipliers={"fc": 10, "s3_1.a": 2}')
    choice = Choice("photos", True, "", "")
    experiment = resolve(jaxcnn.load("resnet_cifar_2015:20"), choice, settings, 10)
    saved = json.loads(json.dumps(identity(experiment, data="photos", rehearsal=True, seed=0)))
    again = rebuild(saved)
    assert again.train_only == ("s3_", "fc") and again.rate_multipliers == (("fc", 10.0), ("s3_1.a", 2.0))


def test_a_dry_run_counts_what_is_trained():
    answers = [dry_run(experiment, data="digits") for experiment in (BASE, override(BASE, "train_only=('fc2',)"))]
    whole, alone = (answer["memory"] for answer in answers)
    assert whole["optimizer_state"] == whole["parameters"] == alone["parameters"]
    assert alone["optimizer_state"] == 4 * (12 * 10 + 10)
    assert answers[1]["flops_per_step"] < answers[0]["flops_per_step"]
    assert answers[1]["disk"]["checkpoints"] < answers[0]["disk"]["checkpoints"]
