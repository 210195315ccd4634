"""Every code block in the README and in docs/ works: Python runs, commands parse and name what exists."""

import re
import shlex
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.main import parse

ROOT = Path(__file__).parents[1]
ELSEWHERE = r"\.\./shared|/root/|/tmp/|/work/|\b(DESIGN|FACTS|CLI|STYLE)\.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.name, block) for page in PAGES for block in pattern.findall(page.read_text())]


def commands() -> list[str]:
    """Every launch.py command, in code blocks and in running text."""
    text = "\n".join(page.read_text() for page in PAGES)
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


def test_nothing_names_the_machine():
    """The project speaks only of itself."""
    tracked = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".yaml"}]
    for path in tracked:
        if not {".venv", ".git"} & set(path.relative_to(ROOT).parts) and path != Path(__file__):
            assert not re.search(r"\.\./shared|/root/|/tmp/|/work/|\b(DESIGN|FACTS|CLI|STYLE)\.md", path.read_text()), (
                path
            )
