"""A run's folder that an older release wrote: it is read, evaluated and gone on with, value for value."""

import json
import shutil
from pathlib import Path

import jax
import pytest
from evaluation_answers import errors_of

import jaxcnn
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.folder import params_sha256, saved_identity
from jaxcnn.runs.trained import rebuild, restore_state

WRITTEN = Path(__file__).with_name("run_of_an_older_release")  # three steps of LeNet-5 with batches of 8, before 0.2


class Messages(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, tmp_path / "run"))


def test_its_parameters_are_restored_to_the_bit(folder):
    saved = saved_identity(folder)
    assert saved is not None
    state = restore_state(rebuild(saved), folder, Devices(devices=jax.devices()[:1]))
    assert int(state.step) == 3
    assert params_sha256(state.params) == json.loads((folder / "summary.json").read_text())["params_sha256"]


def test_it_is_evaluated_as_it_was(folder):
    before = json.loads((folder / "summary.json").read_text())["evaluation"]["center"]
    assert errors_of(jaxcnn.evaluate(folder))["center"] == pytest.approx(before, rel=1e-5)


def test_the_same_command_goes_on_from_its_checkpoint(folder):
    messages = Messages()
    experiment = jaxcnn.load("lenet5_1998")
    summary = jaxcnn.fit(
        experiment, data="digits", settings=("batch_size=8",), steps=5, workdir=folder, display=messages
    )
    assert summary["steps"] == 5 and "resuming at step 3" in messages.lines
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps[-1] == 5
