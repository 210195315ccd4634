"""The description in a terminal: whole numbers and names at any width."""

import pytest
from test_tables import cells

import jaxcnn
from jaxcnn.analysis.describe import describe
from jaxcnn.cli import description_table, tables

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


def test_description(capsys):
    description_table.show_description(DESCRIPTION)
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
    assert "deviates" not in output and "auxiliary" not in output and "narrow" not in output  # nothing to say there


def test_description_without_connections_and_with_auxiliary_heads(capsys):
    description_table.show_description({**DESCRIPTION, "total_connections": None, "auxiliary_params": 6_379_728})
    output = capsys.readouterr().out
    assert "connections" not in output and "6,379,728 are in auxiliary heads" in output


@pytest.fixture(scope="module", params=["lenet5_1998", "alexnet_2012", "googlenet_2014:torchvision", "resnet_2015:152"])
def description(request):
    return describe(jaxcnn.load(request.param))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_any_width(description, width, capsys, monkeypatch):
    monkeypatch.setattr(tables, "WIDTH", width)
    description_table.show_description(description)
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= width
    header, *rows = cells(output)
    assert len(rows) == len(description["layers"]) + 1  # none is broken
    for layer, row in zip(description["layers"], rows, strict=False):
        shown = dict(zip(header, row, strict=True))
        assert shown["layer"] == layer["name"] and shown["output"] == "×".join(map(str, layer["output_shape"]))
        assert about(shown["parameters"]) == pytest.approx(layer["params"], rel=0.05)
        assert about(shown["MACs"]) == pytest.approx(layer["macs"], rel=0.05)
    assert "…" not in "".join(cell for row in rows for cell in row)
    if width >= 120:
        assert header[-1] == "receptive field" and rows[-1][3] == f"{description['total_params']:,}"
        assert "narrow" not in output
    else:
        assert ("narrow" in output) == ("kind" not in header or "receptive field" not in header)


def about(shown: str) -> float:
    """The number that a cell means."""
    number, _, unit = shown.replace(",", "").partition(" ")
    return float(number) * {"": 1, "M": 1e6, "G": 1e9}[unit]


def test_a_very_narrow_terminal_keeps_what_names_a_layer(capsys, monkeypatch):
    monkeypatch.setattr(tables, "WIDTH", 30)
    description_table.show_description(DESCRIPTION)
    output = capsys.readouterr().out
    assert cells(output)[1][0] == "C1" and "28×28×6" in output
    assert "left out (kind, parameters, MACs, connections, receptive field)." in " ".join(output.split())
