"""What pyproject.toml promises is what is tested: the Pythons, the packages, their releases."""

import ast
import importlib.metadata
import re
import sys
import tomllib

import pytest
from project_files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
OURS = {"jaxcnn", "experiments", "launch"}
# Imported where they are there: torch to be compared with, and what .[export] brings.
OPTIONAL = {"torch", "libtpu", "_typeshed", "onnx", "h5py"}


def distribution(requirement: str) -> str:
    """ "etils[epath]>=1.13" → "etils"."""
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def matrix(name: str) -> list[str]:
    found = re.search(rf"^ +{name}: \[(.*)\]$", WORKFLOW, re.MULTILINE)
    assert found
    return [value.strip(' "') for value in found[1].split(",")]


def test_each_supported_python_is_tested_with_pinned_and_newest_releases():
    prefix = "Programming Language :: Python :: "
    supported = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(prefix)]
    assert matrix("python") == supported and matrix("releases") == ["pinned", "newest"]
    assert PROJECT["requires-python"] == f">={supported[0]}"


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_every_python_gets_the_same_packages_and_constraints_pin_them(requirement):
    """What is asked for below some version alone is tested below it alone."""
    assert "python_version" not in requirement
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert distribution(requirement) in {distribution(pin) for pin in pins}


def test_what_is_imported_is_asked_for():
    """Also where another package happens to bring it today."""
    asked = {distribution(requirement) for requirement in PROJECT["dependencies"]}
    homes = importlib.metadata.packages_distributions()
    files = [ROOT / "launch.py", *(ROOT / "jaxcnn").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} - OURS - OPTIONAL - sys.stdlib_module_names:
                assert asked & {distribution(home) for home in homes.get(name, ())}, f"{path} imports {name}"


def test_tfds_is_given_what_it_imports_without_asking_for_it():
    assert "importlib-resources" in {distribution(requirement) for requirement in PROJECT["dependencies"]}


def test_what_ci_leaves_out_on_the_newest_python_is_there():
    """A folder that was renamed would be run there, or stay out by accident."""
    ignored = re.findall(r"--ignore=(\S+?)[\s\"]", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert ignored and all((ROOT / folder).is_dir() for folder in ignored)
