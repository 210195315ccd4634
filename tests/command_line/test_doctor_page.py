"""`doctor` for a person, of made-up answers."""

import re
import tomllib
from pathlib import Path
from typing import Any

from jaxcnn.analysis.doctor import EXTRAS
from jaxcnn.cli import doctor_page
from jaxcnn.cli.doctor_page import show_doctor

FOUND: dict[str, Any] = {
    "devices": ["gpu:0 NVIDIA H100", "gpu:1 NVIDIA H100", "cpu:0 cpu"],
    "versions": {"python": "3.11.7", "jax": "0.10.2"},
    "xla_flags": "",
    "large_pages": False,
    "canaries": {"default": 2e-7, "our_options": 1e-7},
    "healthy": True,
    "data_dir": "/data",
    "data": {"digits": True, "mnist": True, "imagenet2012": False, "cifar10": False},
    "extras": {"export": True, "keras": False, "bench": True},
    "decode_images_per_second": 1234.5,
}


def test_what_is_there_and_how_to_get_what_is_not(capsys):
    show_doctor(FOUND)
    output = capsys.readouterr().out
    assert output.startswith("This machine computes correctly.\n")
    assert "2 × NVIDIA H100, 1 × cpu" in output and "1,234 JPEG images/s" in output and "jax 0.10.2" in output
    rows = {name: text for line in output.splitlines() if line.count("│") == 4 for name, _, text in [cells(line)]}
    assert rows["digits"] == "comes with the packages" and rows["mnist"] == "ready"
    assert rows["cifar10"] == rows["imagenet2012"] == "missing"
    assert re.search(r"^get cifar10: .* prepare --data=cifar10$", output, re.MULTILINE)
    assert re.search(r"^get imagenet2012: .* prepare --data=imagenet2012 --manual-dir=DIR$", output, re.MULTILINE)
    assert output.count("only needed for") == 1 and '[keras]"' in output


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_the_commands_name_the_folder_that_was_asked_for(capsys):
    folder = "/data" + 30 * "/long"
    show_doctor(FOUND, data_dir=folder)
    assert f"prepare --data=cifar10 --data-dir={folder}\n" in capsys.readouterr().out, "in one piece"


def test_a_wrong_compiler_is_the_first_thing_said(capsys):
    show_doctor({**FOUND, "healthy": False, "canaries": {"default": 0.02, "our_options": 0.0}})
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("This machine's compiler gives WRONG numbers (by default)")


def test_every_extra_is_pyprojects():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert set(doctor_page.EXTRAS) == set(EXTRAS) <= set(pyproject["project"]["optional-dependencies"])
