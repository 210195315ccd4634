"""A run's errors beside the paper's, on standard output."""

from typing import Any

import pytest
from test_tables import cells

from jaxcnn.cli.summary_table import show_summary

BESIDE = {
    "protocol": "center",
    "source": "Fig. 9",
    "data": "mnist",
    "top1_error": {"ours": 3.5, "paper": 0.95, "difference": 2.55},
    "top5_error": None,
}
SUMMARY: dict[str, Any] = {
    "experiment": "lenet5_1998",
    "variant": "paper",
    "data": "mnist",
    "rehearsal": False,
    "steps": 1200,
    "examples": 9600,
    "seconds": 12.4,
    "evaluation": {"center": {"top1_error": 3.5, "top5_error": 0.25}},
    "paper": [{"source": "Fig. 9"}, {"source": "Fig. 10"}, {"source": "Fig. 11"}],
    "comparison": [BESIDE],
    "departures": [],
}


def test_ours_stands_beside_the_papers(capsys):
    show_summary(SUMMARY)
    output = capsys.readouterr().out
    assert "1,200 steps, 9,600 examples, 12 s" in output and "rehearsal" not in output and "Not as in" not in output
    assert cells(output)[1:] == [
        ["ours", "center", "mnist", "3.50 %", "0.25 %"],
        ["paper, Fig. 9", "center", "mnist", "0.95 %", "–"],
        ["difference", "", "", "+2.55"],
    ]
    assert "describe --exp=lenet5_1998:paper (2)" in output, "the other two are named where they can be read"


def test_a_rehearsal_has_nothing_to_compare_with(capsys):
    show_summary({**SUMMARY, "data": "digits", "rehearsal": True, "comparison": []})
    output = capsys.readouterr().out
    assert "on digits (a rehearsal):" in output and len(cells(output)) == 2
    assert "The paper has no figure for lenet5_1998:paper on digits" in output


def test_departures_are_in_the_headline(capsys):
    show_summary({**SUMMARY, "departures": ["batch_size=64 instead of 8", "300 steps instead of 150,000"]})
    assert "Not as in the paper: batch_size=64 instead of 8; 300 steps instead of 150,000.\n" in capsys.readouterr().out


@pytest.mark.parametrize("paper", [[], SUMMARY["paper"]])
def test_a_summary_of_an_older_version_and_an_experiment_of_ones_own(capsys, paper):
    old = {name: value for name, value in SUMMARY.items() if name not in ("comparison", "departures")}
    show_summary({**old, "paper": paper})
    output = capsys.readouterr().out
    assert cells(output)[1][0] == "ours" and ("no figure" in output) == bool(paper)
