"""A function fits on a screen: 40 lines without its docstring, but for those named here."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 40  # lines, from `def` on

# Signatures and calls with one keyword a line, which read like a table; splitting these would scatter what is one step.
LONGER = {
    "jaxcnn/runs/fit.py: fit": "its arguments, handed on to plan_run, are 28 lines",
    "jaxcnn/runs/plan.py: plan_run": "the same arguments, and the fields of the plan",
    "jaxcnn/runs/begin.py: begin_run": "the parts of a run, a line each",
    "jaxcnn/runs/evaluate.py: evaluate": "its arguments and the fields of its answer",
    "jaxcnn/analysis/bench.py: bench": "its arguments and the fields of its answer",
    "jaxcnn/analysis/dry_run.py: dry_run": "its arguments and the fields of its answer",
    "jaxcnn/models/googlenet.py: __call__": "the paper's Table 1, a line for each layer",
    "jaxcnn/models/layers/masked_apply.py: masked_apply": "what stands in for layers shares the images' sides",
    "benchmarks/train_step.py: run": "its flags and the fields of its answer",
}


def lengths(path: Path) -> dict[str, int]:
    """Lines of the longest function of each name, without docstrings."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = first.end_lineno - first.lineno + 1 if is_docstring else 0
            found[node.name] = max(found.get(node.name, 0), node.end_lineno - node.lineno + 1 - docstring)
    return found


def test_functions_fit_on_a_screen():
    folders = ("jaxcnn", "experiments", "benchmarks")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 100
    long = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in files
        for name, lines in lengths(path).items()
        if lines > MOST
    }
    assert long == set(LONGER), "split it, or say why not; and forget those that have become short"


def test_docstrings_do_not_count(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n\n\nasync def g(\n    x,\n):\n    return x\n'
    )
    assert lengths(path) == {"f": 2, "g": 4}
