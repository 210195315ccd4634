"""Every code block in the README and in docs/ works: Python runs, commands parse and name what exists."""

import pkgutil
import re
import shlex
from pathlib import Path

import pytest
from project_files import ROOT, by_name, tracked

import jaxcnn
from jaxcnn.cli.main import parse

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {target}, which has no such heading"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`(jaxcnn(?:\.\w+)+)`", text):
        pkgutil.resolve_name(name)  # a module, or something within one
    for path in re.findall(r"`((?:jaxcnn|experiments|tests|benchmarks|docs)/[\w/-]+\.\w+)`", text):
        assert (ROOT / path).is_file(), f"{page.name} names {path}"


def test_the_readme_is_short_and_its_results_are_those_of_the_results_page():
    pages = (ROOT / "README.md", ROOT / "docs" / "results.md")
    readme, results = (page.read_text(encoding="utf-8").splitlines() for page in pages)
    assert len(readme) <= 150
    rows = [line for line in readme if line.startswith("|") and "`launch.py --exp=" in line]
    assert len(rows) >= 8 and set(rows) <= set(results)


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
