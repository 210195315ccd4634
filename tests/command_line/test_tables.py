"""Tables on standard output, of made-up answers."""

import re

from jaxcnn.cli import tables

ENTRY = {"experiment": "net", "paper": "A, 1998", "data": "mnist", "input_shape": [32, 32, 1]}
RESULT = {"data": "mnist", "source": "Fig. 9", "protocol": "center", "top1_error": 0.95, "top5_error": None}


def cells(output: str) -> list[list[str]]:
    """The cells of each row of a table."""
    lines = [line for line in output.splitlines() if "│" in line or "┃" in line]
    return [[cell.strip() for cell in line.replace("┃", "│").strip("│ ").split("│")] for line in lines]


def test_list_names_an_experiment_once(capsys):
    tables.show_list(
        [
            {**ENTRY, "variant": "paper", "total_params": 60_000},
            {**ENTRY, "variant": "modern", "total_params": 61_706},
            {**ENTRY, "experiment": "other", "variant": "paper", "total_params": 1},
        ]
    )
    rows = cells(capsys.readouterr().out)
    assert rows[0] == ["experiment", "variant", "paper", "data", "input", "parameters"]
    assert [row[-1] for row in rows[1:]] == ["60,000", "61,706", "1"]
    assert rows[1][:2] == ["net", "paper"] and rows[3][0] == "other"
    assert "modern" in rows[2] and "net" not in rows[2]


def test_list_names_a_paper_again_where_it_is_another(capsys):
    papers = ("A, 1998", "A, 1998", "B, 2014", "A, 1998")
    entries = [{**ENTRY, "variant": "v", "paper": paper, "total_params": 1} for paper in papers]
    tables.show_list(entries)
    shown = [re.findall(r"[AB], \d+", line) for line in capsys.readouterr().out.splitlines() if "mnist" in line]
    assert shown == [["A, 1998"], [], ["B, 2014"], ["A, 1998"]]


def test_evaluation(capsys):
    metrics = {"top1_error": 0.949, "top5_error": 0.0, "count": 10_000}
    tables.show_evaluation(
        {
            "experiment": "net",
            "variant": "paper",
            "step": 1200,
            "data": "mnist",
            "split": "test",
            "protocols": {"center": metrics},
        }
    )
    output = capsys.readouterr().out
    assert "net:paper at step 1,200, mnist, test split" in output
    assert cells(output)[1] == ["center", "0.95 %", "0.00 %", "10,000"]


def test_fields(capsys):
    tables.show_fields({"a": 1, "speed": 12345.678, "inner": {"b": "[x]", "none": None}})
    assert capsys.readouterr().out == "a: 1\nspeed: 1.235e+04\ninner:\n  b: [x]\n  none: None\n"
