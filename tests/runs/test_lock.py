"""Two processes don't train in one folder."""

import errno
import os
import subprocess
import sys

import pytest
from project_files import ROOT

from jaxcnn.cli.main import main
from jaxcnn.errors import UsageError
from jaxcnn.runs import lock as lock_module
from jaxcnn.runs.lock import held


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "experiment.json").write_text("{}")
    return tmp_path


def test_one_at_a_time(folder):
    with held(folder):
        refused = pytest.raises(UsageError, match=r"another process is training in .*wait for it, or choose another")
        with refused, held(folder):
            pass
        with pytest.raises(UsageError), held(folder):  # a refusal doesn't free it
            pass
    with held(folder):
        pass


HOLD = """
import sys
from pathlib import Path
from jaxcnn.runs.lock import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_ends_with_its_process_and_the_file_stays_as_it_is(folder):
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another process is training"), held(folder):
            pass
        process.kill()
        process.wait()
        with held(folder):
            pass
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("experiment.json", "{}")]


def test_a_file_system_without_locks(folder, monkeypatch):
    def refusal(number):
        def refuse(descriptor, *, blocking):
            raise OSError(number, os.strerror(number))

        return refuse

    monkeypatch.setattr(lock_module, "lock_descriptor", refusal(errno.ENOLCK))
    with held(folder), held(folder):
        pass
    monkeypatch.setattr(lock_module, "lock_descriptor", refusal(errno.EIO))
    with pytest.raises(OSError), held(folder):
        pass


def test_the_second_run_is_told_and_changes_nothing(tmp_path, capsys):
    arguments = ["--exp=lenet5_1998:modern", "--data=digits", f"--workdir={tmp_path / 'run'}"]
    assert main([*arguments, "--steps=1"]) == 0
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    with held(tmp_path / "run"):
        assert main([*arguments, "--steps=2"]) == 2
    assert "launch.py: another process is training in" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
    assert main([*arguments, "--steps=2"]) == 0
