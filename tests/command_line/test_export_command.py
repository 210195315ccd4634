"""`export` on the command line."""

import json

import pytest
from untrained_runs import save_run, small, untrained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(untrained(small("lenet5_1998:paper")), tmp_path_factory.mktemp("export") / "run")


def test_json_is_the_answer(answered, run, tmp_path):
    answer = answered("export", f"--workdir={run}", "--format=safetensors", f"--output={tmp_path / 'n'}")
    beside = json.loads((tmp_path / "n.json").read_text(encoding="utf-8"))
    assert answer["experiment"] == beside["experiment"] == "lenet5_1998" and answer["file"] == str(tmp_path / "n")


def test_what_a_person_reads(call, run, tmp_path):
    status, shown, _ = call("export", f"--workdir={run}", "--format=safetensors", f"--output={tmp_path / 'n'}")
    assert status == 0
    lines = shown.splitlines()
    assert lines[0] == f"{tmp_path / 'n'}: lenet5_1998:paper at step 7, 0.2 MiB"
    assert lines[1].startswith(f"{tmp_path / 'n'}.json: ")
    assert "from safetensors.numpy import load_file" in lines  # as it is, unindented, to be copied


def test_wrong_values(refused, run, tmp_path):
    line = refused(2, "export", f"--workdir={run}", "--format=onxx", f"--output={tmp_path / 'n'}")
    assert "did you mean 'onnx'?" in line
    line = refused(2, "export", f"--workdir={run}", "--format=safetensors", f"--output={tmp_path / 'no' / 'n'}")
    assert f"there is no folder {tmp_path / 'no'}" in line
    line = refused(2, "export", f"--workdir={tmp_path}", "--format=safetensors", f"--output={tmp_path / 'n'}")
    assert "is no run's folder" in line
    assert "required: --workdir, --format, --output" in refused(2, "export")
