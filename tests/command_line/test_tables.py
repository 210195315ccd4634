"""Tables on standard output, of made-up answers."""

import re

from jaxcnn.cli import tables

ENTRY = {"experiment": "net", "paper": "A, 1998", "data": "mnist", "input_shape": [32, 32, 1]}
LAYER = {"name": "C1", "kind": "conv", "output_shape": [28, 28, 6], "params": 156, "macs": 117_600}
DESCRIPTION = {
    "experiment": "net",
    "variant": "paper",
    "input_shape": [32, 32, 1],
    "layers": [{**LAYER, "receptive_field": 5, "connections": 122_304}],
    "total_params": 156,
    "total_macs": 117_600,
    "total_connections": 122_304,
    "auxiliary_params": 0,
    "paper": {
        "title": "T",
        "authors": "A",
        "year": 1998,
        "venue": "V",
        "results": [
            {"data": "mnist", "source": "Fig. 9", "protocol": "center", "top1_error": 0.95, "top5_error": None}
        ],
        "claims": [
            {"what": "parameters", "stated": "60,000", "source": "§II", "counted": "60,000 [all]"},
            {"what": "speed", "stated": "fast", "source": "§I", "counted": None},
        ],
    },
    "contradictions": ["One says [bold]6[/bold], another 16."],
    "deviations": [],
}


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


def test_description(capsys):
    tables.show_description(DESCRIPTION)
    output = capsys.readouterr().out
    rows = cells(output)
    assert rows[0] == ["layer", "kind", "output", "parameters", "MACs", "connections", "receptive field"]
    assert rows[1] == ["C1", "conv", "28×28×6", "156", "117,600", "122,304", "5"]
    for line in (
        "net:paper, input 32×32×1",
        "A, “T”, V, 1998",
        "The paper's results",
        "top-1 error 0.95 % (center) on mnist, Fig. 9",
        "parameters: 60,000 (§II); counted here: 60,000 [all]",
        "speed: fast (§I)",
        "One says [bold]6[/bold], another 16.",
    ):
        assert line in output
    assert "deviates" not in output and "auxiliary" not in output  # nothing to say there


def test_description_without_connections_and_with_auxiliary_heads(capsys):
    tables.show_description({**DESCRIPTION, "total_connections": None, "auxiliary_params": 6_379_728})
    output = capsys.readouterr().out
    assert "connections" not in output and "6,379,728 are in auxiliary heads" in output


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
