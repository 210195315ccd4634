"""The examples in docstrings are right."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from project_files import ROOT

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef


def examples() -> Iterator[Any]:
    """(module, docstring) for every docstring with an example.

    They are read from the source: `doctest.testmod` looks over what decorators and Flax have wrapped.
    """
    for path in sorted((ROOT / "jaxcnn").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
            if text and ">>>" in text:
                yield pytest.param(module, text, id=f"{module}.{getattr(node, 'name', '')}")


@pytest.mark.parametrize(("module", "text"), list(examples()))
def test_examples_in_docstrings(module, text):
    names = dict(vars(importlib.import_module(module)))
    example = doctest.DocTestParser().get_doctest(text, names, module, None, None)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
