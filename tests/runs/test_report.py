"""The report of real runs: finished, going, interrupted, imported; it is written at the end, and never costs a run."""

import base64
import dataclasses
import io
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxcnn
from jaxcnn.cli.main import main
from jaxcnn.data.sources import open_source
from jaxcnn.errors import UsageError
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs import fit as fit_module
from jaxcnn.runs import report as module
from jaxcnn.runs.adopt import adopt
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.training.network import initialised

SETTINGS = ["batch_size=32", "evaluation_batch_size=128"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A short run of LeNet-5's modern form on the digits, which the page has no figure of the paper for."""
    folder = tmp_path_factory.mktemp("runs") / "it's a run"
    fit(jaxcnn.load("lenet5_1998:modern"), data="digits", workdir=folder, steps=60, seed=3, settings=SETTINGS)
    return folder


def copied(folder: Path, to: Path, *without: str) -> Path:
    shutil.copytree(folder, to)
    for name in without:
        (to / name).unlink()
    return to


def test_a_run_ends_with_its_page(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "lenet5_1998:modern on digits" in page and "Hardest images" in page and "Confusion matrix" in page
    assert "Not as in the paper: data digits instead of mnist; batch_size=32 instead of 64; 60 steps instead of" in page
    assert page.count("<svg") >= 5 and "The 6 filters of" in page
    assert not list(finished.glob("*.part"))


def test_the_commands_repeat_the_run(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    command = "--exp=lenet5_1998:modern --data=digits --seed=3 --steps=60 --set batch_size=32 "
    quoted = f"--workdir={finished}".replace("'", "'\"'\"'")
    assert f"{command}&#39;{quoted}&#39;".replace("'", "&#39;").replace('"', "&#34;") in page


def test_what_is_kept_is_what_an_evaluation_finds(finished):
    kept = json.loads((finished / "evaluation.json").read_text())
    again = evaluate(finished)["protocols"]
    assert kept["step"] == 60 and kept["protocol"] == "center"
    found = kept["protocols"]["center"]
    assert found.keys() == again["center"].keys()
    for name in ("top1_error", "top5_error", "count", "per_class", "confusion"):
        assert found[name] == again["center"][name], name
    for name in ("loss", "expected_calibration_error"):
        assert found[name] == pytest.approx(again["center"][name], rel=1e-4), name
    assert kept["wrong"] == round(again["center"]["top1_error"] * 3.59)
    hardest = kept["hardest"]
    assert len(hardest) == min(kept["wrong"], 24)
    sure = [entry["probability"] for entry in hardest]
    assert sure == sorted(sure, reverse=True) and sure[-1] > 0.1
    source = open_source("digits", "test")
    for entry in hardest:
        record = source[entry["record"]]
        assert entry["label"] == str(record["label"]) != entry["predicted"]
        assert Image.open(io.BytesIO(base64.b64decode(entry["png"]))).size == (28, 28)


def test_a_page_can_be_written_again_without_data_or_devices(finished, tmp_path, monkeypatch):
    copy = copied(finished, tmp_path / "run", "report.html")
    shutil.rmtree(copy / "checkpoints")
    monkeypatch.setattr(jax, "device_put", lambda *_: pytest.fail("a device is used"))
    assert jaxcnn.report(copy) == copy / "report.html"
    before, after = ((folder / "report.html").read_text(encoding="utf-8") for folder in (finished, copy))
    said = [page.split("Repeat it</h2>")[0] for page in (before, after)]
    assert said[0] == said[1]


def test_the_page_of_a_run_that_goes_on(finished, tmp_path):
    """A line is being written, and the evaluation of the end isn't there."""
    copy = copied(finished, tmp_path / "run", "summary.json", "report.html", "evaluation.json")
    lines = (copy / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"final_' not in line]
    (copy / "metrics.jsonl").write_bytes(b"".join(kept[:-3]) + kept[-3][:40])
    page = jaxcnn.report(copy, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not finished: step" in page and "of 440." in page and "Layers" in page and "Hardest" not in page
    assert not (copy / "report.html").exists()


def test_before_the_first_step_there_is_a_page_too(finished, tmp_path):
    copy = copied(finished, tmp_path / "run", "summary.json", "metrics.jsonl")
    assert "No evaluation yet." in jaxcnn.report(copy).read_text(encoding="utf-8")


def test_damaged_results_of_the_end_are_left_out(finished, tmp_path):
    copy = copied(finished, tmp_path / "run")
    (copy / "evaluation.json").write_text('{"step": 59}')
    assert "Hardest" not in jaxcnn.report(copy).read_text(encoding="utf-8")
    (copy / "summary.json").write_text("{")
    assert "Not finished" in jaxcnn.report(copy).read_text(encoding="utf-8")


def test_imported_weights_have_a_page(tmp_path):
    experiment = jaxcnn.load("lenet5_1998:modern")
    adopt(experiment, initialised(experiment.model, experiment.inputs), tmp_path / "run", origin={"from": "a b.pth"})
    page = jaxcnn.report(tmp_path / "run").read_text(encoding="utf-8")
    assert "Imported weights; nothing was trained here." in page and "61,706 parameters" in page
    assert "import-weights --exp=lenet5_1998:modern &#39;--from=a b.pth&#39;" in page


def test_several_runs_stand_beside_each_other(finished, tmp_path):
    other = copied(finished, tmp_path / "other")
    saved = json.loads((other / "experiment.json").read_text())
    saved["experiment"]["seed"] = 4
    (other / "experiment.json").write_text(json.dumps(saved))
    page = jaxcnn.report([finished, other]).read_text(encoding="utf-8")
    assert Path("report.html").exists(), "in the current folder"
    assert "<h1>2 runs</h1>" in page and "Over seeds" in page and "other, training" in page


def test_an_experiment_of_ones_own(linear, tmp_path):
    """What can't be rebuilt from experiment.json was kept at the end."""
    named = dataclasses.replace(linear, name="mine<br>")
    fit(named, workdir=tmp_path / "run")
    page = jaxcnn.report(tmp_path / "run").read_text(encoding="utf-8")
    assert "650 parameters" in page and "as these can&#39;t be typed: the experiment" in page and "mine<br>" not in page
    (tmp_path / "run" / "summary.json").unlink()
    assert "Not finished" in jaxcnn.report(tmp_path / "run").read_text(encoding="utf-8")


class Told(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.parametrize("part", ["kept_evaluation", "report"])
def test_a_page_that_fails_costs_no_run(linear, tmp_path, monkeypatch, part):
    def fails(*_, **__):
        raise RuntimeError("no room\nat all")

    monkeypatch.setattr(fit_module, part, fails)
    display = Told()
    summary = fit(linear, workdir=tmp_path / "run", display=display)
    assert summary == json.loads((tmp_path / "run" / "summary.json").read_text())
    assert display.lines[-1] == "note: the run's report isn't complete: no room"


def test_a_longer_run_drops_the_page_of_the_shorter_one(linear, tmp_path, monkeypatch):
    fit(linear, workdir=tmp_path / "run", steps=8)
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["step"] == 8

    def fails(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr(fit_module, "kept_evaluation", fails)
    monkeypatch.setattr(fit_module, "report", fails)
    fit(linear, workdir=tmp_path / "run")
    assert not (tmp_path / "run" / "evaluation.json").exists() and not (tmp_path / "run" / "report.html").exists()


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(UsageError, match="is no run's folder"):
        jaxcnn.report(tmp_path)
    with pytest.raises(UsageError, match="workdirs is empty"):
        jaxcnn.report([])


def test_the_command(finished, tmp_path, capsys):
    opened = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", ":0")
        patch.setattr(module.webbrowser, "open", opened.append)
        file = tmp_path / "a.html"
        assert main(["report", f"--workdir={finished}", str(finished), f"--output={file}", "--open", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"report": str(file)} and opened == [file.as_uri()]
        assert "6 filters" in file.read_text(), "the same folder twice is one run"
        patch.delenv("DISPLAY")
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        patch.delenv("BROWSER", raising=False)
        patch.setattr(module.sys, "platform", "linux")
        assert main(["report", f"--workdir={finished}", "--open", f"--output={file}"]) == 0
    assert capsys.readouterr().out == f"report: {file}\n" and len(opened) == 1
    assert main(["report"]) == 2 and main(["report", f"--workdir={finished}", "--output=/nowhere/a.html"]) == 2
    assert "can't write /nowhere/a.html" in capsys.readouterr().err


def test_the_first_layers_filters_only_where_they_are_over_the_image(linear, tmp_path):
    fit(linear, workdir=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["filters"] is None
    assert np.isfinite(json.loads((tmp_path / "run" / "summary.json").read_text())["seconds"])
