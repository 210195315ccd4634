"""Every code block in the README and in docs/ works: Python runs, commands parse and name what exists."""

import re
import shlex
from pathlib import Path

import pytest
from project_files import ROOT, by_name, tracked

import jaxcnn
from jaxcnn.main import parse

ELSEWHERE = re.compile(r"\.\./shared|/(root|tmp|work)/|\b(DESIGN|FACTS|CLI|STYLE)\.md")  # doesn't name itself
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.name, block) for page in PAGES for block in pattern.findall(page.read_text(encoding="utf-8"))]


def commands() -> list[str]:
    """Every launch.py command, in code blocks and in running text."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    lines = "\n".join(block for _, block in blocks("bash")).replace("&&", "\n").splitlines()
    found = [line.split("#")[0].split("launch.py", 1)[1] for line in lines if "launch.py" in line]
    return found + re.findall(r"`(?:python )?launch\.py ([^`]*)`", text)


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_blocks_run(page, code):
    exec(compile(code, page, "exec"), {})


def test_commands_are_found():
    assert len(commands()) >= 8


@pytest.mark.parametrize("command", commands())
def test_commands_parse(command):
    _, flags = parse(shlex.split(command))
    if getattr(flags, "exp", None):
        jaxcnn.override(jaxcnn.load(flags.exp), *flags.set)


def test_the_names_of_the_projects_parts_are_complete():
    assert {path for path in tracked() if not path.name.startswith(".")} <= set(by_name())


def test_nothing_names_the_machine():
    """The project speaks only of itself."""
    files = tracked() or by_name()
    assert {Path(__file__), ROOT / "README.md"} <= set(files)
    for path in files:
        found = ELSEWHERE.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path} names {found.group()}"
