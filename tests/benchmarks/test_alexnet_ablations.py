"""The ablations' script: its lines are experiments that exist, its table says what the runs said."""

import io

import pytest
from rich.console import Console

import jaxcnn
from benchmarks import alexnet_ablations
from jaxcnn.config.overrides import set_path


def written(table) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(table)
    return stream.getvalue()


@pytest.mark.parametrize("change", alexnet_ablations.CHANGES, ids=lambda change: change.what)
def test_every_line_differs_from_the_paper_in_what_it_says(change):
    def small(variant, overrides):
        experiment = jaxcnn.load(f"alexnet_2012:{variant}")
        for path, value in {**alexnet_ablations.SMALL, **overrides}.items():
            experiment = set_path(experiment, path, value)
        return experiment.model, experiment.inputs

    same = small(change.variant, change.overrides) == small("paper", {})
    assert same == (change.what == "the paper's network")


def test_mean_and_spread_over_runs():
    assert alexnet_ablations.spread([50.0]) == "50.0"
    assert alexnet_ablations.spread([50.0, 52.0, 54.0]) == "52.0 ± 2.0"
    summary = {"evaluation": {"center": {"top1_error": 61.0}}, "train": {"top1_error": 40.0}}
    rows = {change.what: [summary] for change in alexnet_ablations.CHANGES}
    shown = written(alexnet_ablations.table(rows))
    assert shown.count("61.0") == shown.count("40.0") == len(alexnet_ablations.CHANGES)


@pytest.mark.slow
def test_one_step_of_each(tmp_path, capsys):
    alexnet_ablations.main(["--data=photos", f"--workdir={tmp_path}", "--epochs=0.01", "--seeds", "0"])
    assert "one GPU's network" in capsys.readouterr().out
    assert len(list(tmp_path.glob("*/summary.json"))) == len(alexnet_ablations.CHANGES)
