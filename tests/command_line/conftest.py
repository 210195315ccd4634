"""What the tests of the command line share: calling `main` in this process, and an experiment that is quick."""

import dataclasses
import json
import urllib.request

import jax
import pytest
from linear_network import Linear

import jaxcnn.experiments.cnn_primer
from jaxcnn.cli.main import main
from jaxcnn.config.experiment import Rehearsal
from jaxcnn.config.inputs import Inputs
from jaxcnn.optim.schedules import Constant


@pytest.fixture(autouse=True)
def no_cache_of_the_user(monkeypatch):
    """`main` turns the user's cache of compiled programs on, unless one is named."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.jax_compilation_cache_dir))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(request, timeout):
        raise OSError("network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def tiny(monkeypatch):
    """The experiment `cnn_primer` with a linear network and a rehearsal of three steps."""
    paper = dataclasses.replace(
        jaxcnn.experiments.cnn_primer.paper(),
        model=Linear(),
        inputs=Inputs(size=8, channels=1, stored_size=8, scale=1 / 255),
        schedule=Constant(0.1),
        batch_size=8,
        rehearsal=Rehearsal(data="digits", overrides={"steps": 3, "schedule.rate": 0.125}),
    )
    monkeypatch.setattr(jaxcnn.experiments.cnn_primer, "VARIANTS", {"paper": paper})


@pytest.fixture
def call(capsys):
    """Runs a command; gives its status, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.fixture
def refused(call):
    """Runs a command that has to fail with this status; gives the one line that it says."""

    def run(status: int, *arguments: str) -> str:
        got, output, notices = call(*arguments)
        lines = notices.strip().split("\n")
        assert (got, output) == (status, ""), notices
        assert lines[-1].startswith("launch.py: ") and "Traceback" not in notices
        assert status == 4 or len(lines) == 1, notices
        return lines[-1]

    return run


@pytest.fixture
def answered(call):
    """Runs a command with --json; gives the document, which is all that stands on standard output."""

    def run(*arguments: str):
        status, output, notices = call(*arguments, "--json")
        assert status == 0, notices
        return json.loads(output)

    return run
