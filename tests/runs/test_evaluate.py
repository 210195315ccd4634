"""What a run's folder holds: the experiment it was made from, and its errors."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from evaluation_answers import errors_of

import jaxcnn
from jaxcnn.config.inputs import Scales
from jaxcnn.config.serialize import to_json
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.folder import claim_workdir, identity
from jaxcnn.runs.resolve import resolve
from jaxcnn.runs.trained import rebuild, saved_experiment


def saved_by(title: str, data: str, rehearsal: bool, *settings: str, classes: int = 10):
    """The experiment as a run resolves it, and what its experiment.json would say."""
    experiment = resolve(jaxcnn.load(title), Choice(data, rehearsal, "", ""), settings, classes)
    mine = identity(experiment, data=data, rehearsal=rehearsal, seed=0)
    return experiment, json.loads(json.dumps(mine))


@pytest.mark.parametrize(
    ("title", "data", "rehearsal", "settings"),
    [
        ("lenet5_1998", "digits", False, ()),
        ("lenet5_1998", "digits", True, ("batch_size=16", "steps=7")),
        ("cnn_primer", "digits", True, ("schedule.rate=0.25", "epochs=0.5", "precision=bfloat16")),
        ("cnn_primer", "digits", False, ("inputs.mean=(12.5,)", "batch_size=24", "protocols=('center',)")),
        ("alexnet_2012", "photos", True, ()),
        ("alexnet_2012", "photos", True, ("epochs=3", "model.activation=tanh", "model.use_lrn=False")),
        ("alexnet_2012:one_gpu", "imagenette", False, ("plateau=None", "model.features=(8,16,16,16,8)")),
        ("alexnet_2012:one_tower", "photos", True, ("schedule.rate=0.5", "inputs.mirror=False")),
    ],
)
def test_a_run_is_rebuilt_with_all_that_it_changed(title, data, rehearsal, settings):
    experiment, saved = saved_by(title, data, rehearsal, *settings)
    rebuilt = rebuild(saved)
    assert rebuilt == experiment, to_json(rebuilt)
    assert saved["data"] == data and rebuilt.model.num_classes == 10


def test_what_the_files_can_not_give_is_refused():
    _, saved = saved_by("cnn_primer", "digits", False)
    saved["model"] = {**saved["model"], "type": "SomebodysNetwork"}
    with pytest.raises(UsageError, match=r"model\.type differ.*evaluate\(…, experiment=…\)"):
        rebuild(saved)


def test_a_run_from_before_a_field_was_added_has_its_default():
    experiment, saved = saved_by("alexnet_2012", "photos", True, "scales.multi_crop=(288,)", "batch_size=24")
    assert rebuild(saved) == experiment
    del saved["scales"], saved["inputs"]["colour_std"]
    rebuilt = rebuild(saved)
    assert rebuilt.batch_size == 24 and rebuilt.scales == Scales() and rebuilt.inputs.colour_std == 0.1


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UsageError, match=r"is no run's folder: it has no experiment\.json"):
        evaluate(tmp_path)
    with pytest.raises(UsageError, match="is no run's folder"):
        saved_experiment(tmp_path / "nowhere")


def test_a_run_that_has_saved_nothing(tmp_path, linear):
    claim_workdir(tmp_path / "run", identity(linear, data="digits", rehearsal=False, seed=0))
    with pytest.raises(DataMissingError, match="no complete checkpoint: train there first"):
        evaluate(tmp_path / "run", experiment=linear)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, linear):
    """A run of the linear network, its summary and its folder."""
    folder = tmp_path_factory.mktemp("linear") / "run"
    experiment = dataclasses.replace(linear, protocols=("center", "multi_crop"), scales=Scales(multi_crop=(8, 9)))
    return folder, fit(experiment, workdir=folder), experiment


def test_evaluate_says_what_the_summary_says(trained):
    folder, summary, experiment = trained
    result = evaluate(folder, experiment=experiment)
    assert result.keys() == {"experiment", "variant", "step", "data", "split", "protocols"}
    assert (result["experiment"], result["step"], result["data"], result["split"]) == ("linear", 20, "digits", "test")
    assert errors_of(result) == summary["evaluation"]
    for metrics in result["protocols"].values():
        counts = np.array(metrics["confusion"])
        assert counts.shape == (10, 10) and counts.sum() == metrics["count"] == 359
        assert 100 * (1 - counts.trace() / 359) == pytest.approx(metrics["top1_error"])
        by_class = [entry["top1_error"] for entry in metrics["per_class"].values()]
        np.testing.assert_allclose(by_class, 100 * (1 - counts.diagonal() / counts.sum(axis=1)))
        assert 0 < metrics["expected_calibration_error"] < 1 and len(metrics["calibration"]) == 15
    assert summary == json.loads((folder / "summary.json").read_text())
    assert result["protocols"]["multi_crop"]["scales"] == [8, 9]
    assert result["protocols"]["center"]["top1_error"] < 60  # it has learned something: chance is 90


def test_evaluate_by_other_protocols_and_on_other_data(trained):
    folder, summary, experiment = trained
    result = evaluate(folder, protocols=["ten_crop", "center"], experiment=experiment)
    assert list(result["protocols"]) == ["ten_crop", "center"]
    assert errors_of(result)["center"] == summary["evaluation"]["center"]
    assert result["protocols"]["ten_crop"]["count"] == 359
    elsewhere = evaluate(folder, data="photos", experiment=experiment)
    assert elsewhere["data"] == "photos" and elsewhere["protocols"]["center"]["count"] == 500
    with pytest.raises(UsageError, match="no protocol 'tencrop'"):
        evaluate(folder, protocols=["tencrop"], experiment=experiment)


def test_evaluate_at_other_scales(trained):
    folder, summary, experiment = trained
    result = evaluate(
        folder, protocols=["multi_crop"], settings=["scales.multi_crop=(8,)"], experiment=experiment, data="digits"
    )
    errors = result["protocols"]["multi_crop"]
    assert errors["scales"] == [8] and errors["count"] == 359
    # All windows of an 8-pixel picture are the picture: what is new is its mirror image.
    assert errors["loss"] > summary["evaluation"]["center"]["loss"]
    with pytest.raises(UsageError, match=r"144_crop doesn't suit linear:test: its largest scale \(=352\)"):
        evaluate(folder, protocols=["144_crop"], experiment=experiment)
    with pytest.raises(UsageError, match="--set batch_size=8: a trained network keeps all but scales, evaluation_b"):
        evaluate(folder, settings=["batch_size=8"], experiment=experiment)


class Told(Silent):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def test_more_outputs_than_classes_are_evaluated_as_they_were_trained(linear, tmp_path):
    """Training allows them; so does evaluating, and on other data too."""
    wide = dataclasses.replace(linear, model=linear.model.clone(num_classes=12), steps=2)
    summary = fit(wide, workdir=tmp_path / "run", settings=["model.num_classes=12"])
    display = Told()
    # `linear` has 10 outputs: how many the run had is in its folder.
    assert errors_of(evaluate(tmp_path / "run", experiment=linear, display=display)) == summary["evaluation"]
    assert display.lines == []
    elsewhere = evaluate(tmp_path / "run", experiment=linear, data="photos", display=display)
    assert elsewhere["protocols"]["center"]["count"] == 500
    assert display.lines == [
        "note: the classes of photos aren't those that the network was trained on (0, 1, 2, …; here astronaut, cat, "
        "coffee, …): they are compared by their numbers."
    ]


def test_fewer_outputs_than_classes_are_refused_before_data_is_looked_for(trained):
    folder, _, experiment = trained
    with pytest.raises(UsageError, match=r"Linear has 10 outputs; --data=cifar100 has 100 classes and needs as"):
        evaluate(folder, data="cifar100", experiment=experiment)


def test_other_test_images_of_the_same_name_are_told(trained, tmp_path):
    folder, summary, experiment = trained
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    saved = json.loads((copy / "experiment.json").read_text())
    saved["experiment"]["data_content"]["test"] = {"images": 1000, "fingerprint": "0" * 16}
    (copy / "experiment.json").write_text(json.dumps(saved))
    display = Told()
    assert errors_of(evaluate(copy, experiment=experiment, display=display)) == summary["evaluation"]
    assert display.lines == [
        "note: the test images of this digits aren't those of the run's own evaluations (1,000 there, 359 here)."
    ]
    del saved["experiment"]["data_content"]  # an older version's
    (copy / "experiment.json").write_text(json.dumps(saved))
    assert errors_of(evaluate(copy, experiment=experiment, display=display)) == summary["evaluation"]
    assert len(display.lines) == 1


def test_more_steps_go_on_from_the_end_and_fewer_show_the_summary(trained, tmp_path):
    _, summary, experiment = trained
    short = fit(experiment, workdir=tmp_path / "run", steps=8)
    assert (short["steps"], short["examples"]) == (8, 128)
    whole = fit(experiment, workdir=tmp_path / "run")
    same = {name for name in summary if name not in {"seconds", "train"}}
    assert {name: whole[name] for name in same} == {name: summary[name] for name in same}
    assert fit(experiment, workdir=tmp_path / "run", steps=8) == whole
    events = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [event["step"] for event in events if event["event"] == "train"]
    assert len(steps) == len(set(steps)) and steps[-1] == 20
    np.testing.assert_allclose(whole["train"]["loss"], summary["train"]["loss"], rtol=1e-5)


def test_a_run_of_bad_protocols_stops_before_it_starts(linear, tmp_path):
    with pytest.raises(UsageError, match="there is no protocol 'tencrop'"):
        fit(linear, workdir=tmp_path / "run", settings=["protocols=('tencrop',)"])
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="must be a local folder"):
        fit(linear, workdir="gs://bucket/run")
    with pytest.raises(UsageError, match="there is no protocol 'tencrop'"):
        fit(dataclasses.replace(linear, protocols=("tencrop",)), workdir=tmp_path / "run")


@pytest.mark.parametrize("content", ["", '{"steps"', "[]", "{}"])
def test_a_damaged_summary_is_written_anew(trained, tmp_path, content):
    folder, summary, experiment = trained
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    (copy / "summary.json").write_text(content)
    again = fit(experiment, workdir=copy)
    assert again["evaluation"] == summary["evaluation"] and again["params_sha256"] == summary["params_sha256"]
    assert json.loads((copy / "summary.json").read_text()) == again
