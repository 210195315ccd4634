"""A run whose newest checkpoint was damaged ends as one that was left alone; whoever only reads is told."""

import shutil

import numpy as np
import pytest

import jaxcnn
from jaxcnn.cli.startup import in_one_line
from jaxcnn.errors import DamagedCheckpointWarning
from jaxcnn.reporting.progress import Silent


class Messages(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def train(workdir, steps: int, display=None) -> dict:
    settings = ["batch_size=16", "checkpoint_every=2"]
    experiment = jaxcnn.load("lenet5_1998:modern")
    return jaxcnn.fit(experiment, data="digits", workdir=workdir, steps=steps, settings=settings, display=display)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "alone"
    return folder, train(folder, 6)


@pytest.fixture
def damaged(alone, tmp_path):
    """A finished run of six steps, with checkpoints of steps 4 and 6, the newer of them changed by one bit."""
    folder = shutil.copytree(alone[0], tmp_path / "damaged")
    (folder / "summary.json").unlink()
    file = max((folder / "checkpoints" / "6").rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    return folder


def test_the_run_goes_on_from_the_one_before(alone, damaged):
    said = Messages()
    again = train(damaged, 6, said)
    assert again["params_sha256"] == alone[1]["params_sha256"]
    assert any(
        "checkpoints/6 is damaged (changed: " in line and "set aside as damaged-6" in line for line in said.lines
    )
    assert "resuming at step 4" in said.lines
    assert (damaged / "checkpoints" / "damaged-6").is_dir() and (damaged / "checkpoints" / "6").is_dir()
    said = Messages()
    (damaged / "summary.json").unlink()
    train(damaged, 6, said)
    assert not any("damaged" in line for line in said.lines)


def test_an_evaluation_and_a_prediction_use_the_one_before(damaged):
    with pytest.warns(DamagedCheckpointWarning, match=r"checkpoints/6 is damaged .*; step 4 is used instead"):
        found = jaxcnn.evaluate(damaged)
    assert found["step"] == 4
    with pytest.warns(DamagedCheckpointWarning, match="step 4 is used instead"):
        trained = jaxcnn.load_trained(damaged)
    assert trained.step == 4 and (damaged / "checkpoints" / "6").is_dir()
    assert np.isfinite(np.asarray(trained.variables["params"]["output"]["bias"])).all()


def test_a_run_that_begins_with_it_is_told(damaged, tmp_path):
    said = Messages()
    experiment = jaxcnn.load("lenet5_1998:modern")
    settings = [f"init_from={damaged}", "batch_size=16"]
    jaxcnn.fit(experiment, data="digits", workdir=tmp_path / "run", steps=1, settings=settings, display=said)
    assert any("step 4 is used instead" in line for line in said.lines)
    assert any("begins with all 5 layers of" in line and "at step 4" in line for line in said.lines)


def test_the_command_line_says_it_in_one_line():
    told = in_one_line(DamagedCheckpointWarning("it is damaged"), DamagedCheckpointWarning, "x.py", 3)
    assert told.endswith(": it is damaged\n") and told.count("\n") == 1
    assert "x.py:3" in in_one_line(UserWarning("other"), UserWarning, "x.py", 3)
