"""Every code block in the README and in docs/ works: Python runs, commands parse and name what exists."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import jaxcnn
import launch

ROOT = Path(__file__).parents[1]
ELSEWHERE = re.compile(r"\.\./shared|/(root|tmp|work)/|\b(DESIGN|FACTS|CLI|STYLE)\.md")  # doesn't name itself
TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "constraints.txt", "launch.py", "pyproject.toml")
FOLDERS = (".ci", ".github", "benchmarks", "docs", "experiments", "jaxcnn", "tests")
TEXT = {"", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml"}
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
    _, flags = launch.parse(shlex.split(command))
    if getattr(flags, "exp", None):
        jaxcnn.override(jaxcnn.load(flags.exp), *flags.set)


def tracked() -> list[Path]:
    """The project's own files, whatever else lies in the checkout: runs, environments, notes. Empty without Git."""
    if not (ROOT / ".git").exists():  # a copy; it may lie in somebody else's repository
        return []
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    paths = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def by_name() -> list[Path]:
    """The project's own files where Git can't say."""
    found = [ROOT / name for name in TOP] + [path for name in FOLDERS for path in (ROOT / name).rglob("*")]
    return [path for path in found if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts]


def test_the_names_of_the_projects_parts_are_complete():
    assert {path for path in tracked() if not path.name.startswith(".")} <= set(by_name())


def test_nothing_names_the_machine():
    """The project speaks only of itself."""
    files = tracked() or by_name()
    assert {Path(__file__), ROOT / "README.md"} <= set(files)
    for path in files:
        found = ELSEWHERE.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path} names {found.group()}"
