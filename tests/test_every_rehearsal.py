"""Every variant has a rehearsal that says what it compares with, and LeNet-5's reaches its target."""

import dataclasses
import urllib.request

import pytest

import jaxcnn
from benchmarks.rehearsals import TARGETS
from jaxcnn.config.experiment import Rehearsal
from jaxcnn.config.inputs import Inputs
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.runs import resolve as resolve_module
from jaxcnn.runs.banner import WIDTH, banner
from jaxcnn.runs.length import Length
from jaxcnn.runs.resolve import resolve

EXAMPLES = {"digits": 1438, "photos": 2000}


class Lines:
    """A display that keeps what it is told."""

    def __init__(self):
        self.text = ""

    def message(self, text: str) -> None:
        self.text += text + "\n"

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None: ...
    def close(self) -> None: ...


@pytest.mark.parametrize("title", [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)])
def test_every_variant_has_a_rehearsal_with_a_baseline(title, monkeypatch):
    experiment = jaxcnn.load(title)
    rehearsal = experiment.rehearsal
    assert rehearsal is not None and "logistic regression" in rehearsal.baseline and "test error" in rehearsal.baseline
    # That the networks can be made for their inputs is in test_experiments_train, for one of each kind.
    monkeypatch.setattr(resolve_module, "check_network", lambda experiment, what: None)
    resolved = resolve(experiment, Choice(rehearsal.data, True, "", ""), (), 10)
    assert type(resolved.model) is type(experiment.model) and resolved.optimizer == experiment.optimizer
    assert len(resolved.protocols) <= 2, "a rehearsal's evaluation is short"
    length = Length.of(resolved, EXAMPLES[rehearsal.data])
    assert 0 < length.log_interval() <= length.planned / 20, "its first loss comes early"


FIELDS = [f"inputs.{field.name}" for field in dataclasses.fields(Inputs)]


def test_the_banner_says_what_an_error_compares_with():
    experiment = dataclasses.replace(
        jaxcnn.load("nin_2013"),
        rehearsal=Rehearsal(
            data="photos",
            overrides={"batch_size": 3, "model.of_another_network": 1} | dict.fromkeys(FIELDS, 0),
            baseline="logistic regression on the same images: 38.8 % test error",
            measured="23.4 % test error on average, 26.0 % at worst, of seeds 0 to 9",
        ),
    )
    display = Lines()
    banner(display, experiment, Choice("photos", True, "cifar10 is not there.", "python launch.py prepare"))
    joined = " ".join(line.strip() for line in display.text.splitlines())
    assert "chance is 90 % test error; logistic regression on the same images: 38.8 % test error." in joined
    assert "23.4 % test error on average, 26.0 % at worst, of seeds 0 to 9." in joined
    # What the run really has: a value that the user set, or none where the user's network lacks the field.
    assert f"batch_size={experiment.batch_size}, inputs.size={experiment.inputs.size}" in joined
    assert "of_another_network" not in joined and "The real thing: python launch.py prepare" in joined
    assert max(map(len, display.text.splitlines())) == WIDTH


def test_a_banner_without_a_measurement_claims_none():
    experiment = dataclasses.replace(
        jaxcnn.load("lenet5_1998"), rehearsal=Rehearsal(data="digits", overrides={}, baseline="a baseline")
    )
    display = Lines()
    banner(display, experiment, Choice("digits", True, "why", "how"))
    assert "Measured" not in display.text and "Changed for it: nothing but the data" in display.text
    display = Lines()
    banner(display, experiment, Choice("mnist", False, "why", ""))
    assert display.text == ""


@pytest.mark.slow
def test_lenet_5_reaches_its_target_on_digits(tmp_path, monkeypatch):
    """The whole rehearsal, where MNIST can't be had: 20 passes by Levenberg–Marquardt."""

    def refuse(*arguments, **options):
        raise OSError("network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    summary = jaxcnn.fit(jaxcnn.load("lenet5_1998"), data_dir=str(tmp_path / "none"), workdir=tmp_path / "run")
    target = TARGETS["lenet5_1998"].error
    assert summary["rehearsal"] and summary["data"] == "digits" and target is not None
    assert summary["evaluation"]["center"]["top1_error"] <= target
