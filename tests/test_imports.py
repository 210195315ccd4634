"""Imports run one way, read from the source: also those inside functions."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each part of the house may import of ours, the nearest rule first. A part is a module or a package.
ALLOWED = {
    "jaxcnn.ending": ("jaxcnn.program",),
    "jaxcnn.errors": (),
    "jaxcnn.host_memory": (),
    "jaxcnn.paths": ("jaxcnn.errors",),
    "jaxcnn.program": (),
    "jaxcnn.standard_streams": ("jaxcnn.errors",),
    "jaxcnn.xla_flags": (),
    "jaxcnn.ranges": ("jaxcnn.errors",),
    "jaxcnn.inputs": ("jaxcnn.errors", "jaxcnn.ranges"),
    "jaxcnn.experiment": ("jaxcnn.errors", "jaxcnn.inputs", "jaxcnn.ranges"),
    "jaxcnn.overrides": ("jaxcnn.errors", "jaxcnn.experiment", "jaxcnn.models.forms.rectified", "jaxcnn.ranges"),
    "jaxcnn.models": ("jaxcnn.models", "jaxcnn.ranges"),
    "jaxcnn.data": ("jaxcnn.ending", "jaxcnn.errors", "jaxcnn.paths", "jaxcnn.program", "jaxcnn.data"),
    # The modules of training that are jobs: they bring the parts together.
    "jaxcnn.training.loop": ("jaxcnn",),
    "jaxcnn.training.plan": ("jaxcnn",),
    "jaxcnn.training.run": ("jaxcnn",),
    "jaxcnn.training": (
        *("jaxcnn.ending", "jaxcnn.errors", "jaxcnn.experiment", "jaxcnn.inputs", "jaxcnn.overrides", "jaxcnn.ranges"),
        *("jaxcnn.paths", "jaxcnn.program", "jaxcnn.standard_streams"),
        *("jaxcnn.models.batch_rows", "jaxcnn.models.layers", "jaxcnn.models.towers"),
        *("jaxcnn.models.forms.platform", "jaxcnn.models.shapes"),  # of setting: can the network be made?
        *("jaxcnn.data", "jaxcnn.training"),
    ),
    "jaxcnn.reporting": ("jaxcnn.errors", "jaxcnn.reporting"),
    "jaxcnn.evaluation": ("jaxcnn",),
    "jaxcnn.analysis": ("jaxcnn",),
    "jaxcnn.interop": ("jaxcnn",),
    "jaxcnn": ("jaxcnn",),
    "jaxcnn.experiments": ("jaxcnn.experiment", "jaxcnn.inputs", "jaxcnn.models", "jaxcnn.program", "jaxcnn.training"),
    "launch": ("jaxcnn",),
}
# And what even those that may import anything of jaxcnn leave alone.
FORBIDDEN = {
    "jaxcnn.training": ("jaxcnn.evaluation.workdir", "jaxcnn.analysis", "jaxcnn.interop"),
    "jaxcnn.evaluation": ("jaxcnn.training.loop", "jaxcnn.training.run", "jaxcnn.analysis", "jaxcnn.interop"),
    "jaxcnn.analysis": ("jaxcnn.training.loop", "jaxcnn.training.run", "jaxcnn.interop"),
    "jaxcnn.experiments": ("jaxcnn.training.loop", "jaxcnn.training.run"),
}
# Flax Linen outside `models/`: types, the interception of calls, and the one `init`/`apply` boundary.
LINEN = {
    "jaxcnn.experiment",  # the type of a field
    "jaxcnn.overrides",  # activations by name; a module's own fields
    "jaxcnn.analysis.layer_table",  # intercepts every layer's call
    "jaxcnn.training.run_folder",  # a module's own fields
    "jaxcnn.training.setting",  # init, for its shapes
    "jaxcnn.training.state",  # init
    "jaxcnn.training.steps",  # apply
}


def sources() -> dict[str, Path]:
    """Module name → file, of everything that is installed."""
    files = {path.relative_to(ROOT): path for path in (ROOT / "launch.py", *(ROOT / "jaxcnn").rglob("*.py"))}
    files |= {"jaxcnn" / path.relative_to(ROOT): path for path in (ROOT / "experiments").rglob("*.py")}
    return {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for name, path in files.items()}


SOURCES = sources()


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported; of `from package import name` both, as `name` may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            yield ast.unparse(node.args[0]).strip("f'\"")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def ours(names: Iterable[str]) -> set[str]:
    """Those that are modules of this project, each as the deepest module that it names."""
    found = {name for name in names if name.split(".")[0] in ("jaxcnn", "launch")}
    return {name if name in SOURCES else name.rpartition(".")[0] or name for name in found}


def rule_for(module: str) -> tuple[str, ...]:
    parts = [part for part in ALLOWED if within(module, part)]
    return ALLOWED[max(parts, key=len)]


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module → what it imports."""
    return {module: set(imported(ast.parse(path.read_text(encoding="utf-8")))) for module, path in SOURCES.items()}


def test_imports_run_one_way(imports):
    wrong = []
    for module, names in imports.items():
        allowed = rule_for(module)
        for name in ours(names) - {module, "jaxcnn"}:
            if not any(within(name, package) for package in allowed):
                wrong.append(f"{module} imports {name}")
            for part, packages in FORBIDDEN.items():
                if within(module, part) and any(within(name, package) for package in packages):
                    wrong.append(f"{module} imports {name}")
    assert not [line for line in wrong if not line.startswith("jaxcnn.experiment imports jaxcnn.experiments")]


def test_the_rules_see_what_is_wrong():
    """The reader of imports finds each way of importing."""
    code = (
        "import jaxcnn.data.order\nfrom jaxcnn import launch\ndef f():\n    from jaxcnn.training import loop\n"
        "importlib.import_module(f'jaxcnn.experiments.{name}')"
    )
    names = set(imported(ast.parse(code)))
    assert {"jaxcnn.data.order", "jaxcnn.training.loop", "jaxcnn.experiments.{name}", "jaxcnn.launch"} <= names
    assert rule_for("jaxcnn.training.run") == ("jaxcnn",) != rule_for("jaxcnn.training.run_folder")


def test_only_experiment_reads_the_experiments_and_nothing_imports_launch(imports):
    for module, names in imports.items():
        for name in names:
            assert not within(name, "launch") and not within(name, "experiments"), module
            reads = within(name, "jaxcnn.experiments")
            assert not reads or module == "jaxcnn.experiment" or within(module, "jaxcnn.experiments"), module


def test_reporting_and_models_stand_alone(imports):
    """Reporting knows neither networks nor data; a network can be taken out of this project with its fields' ranges."""
    for module, names in imports.items():
        if within(module, "jaxcnn.reporting"):
            assert not any(within(name, "jax") or within(name, "flax") for name in names), module
        if within(module, "jaxcnn.models"):
            allowed = {other for other in SOURCES if within(other, "jaxcnn.models")} | {"jaxcnn.ranges"}
            assert ours(names) <= allowed, module


def test_linen_stays_at_its_boundary(imports):
    users = {module for module, names in imports.items() if "flax.linen" in names}
    assert {module for module in users if not within(module, "jaxcnn.models")} == LINEN


@pytest.mark.parametrize("package", ["tensorflow", "flax.training", "flax.nnx", "torch", "keras"])
def test_nobody_imports(imports, package):
    for module, names in imports.items():
        assert not any(within(name, package) for name in names), module


def test_files_are_small():
    """One that outgrows 300 lines is two things."""
    assert {module for module, path in SOURCES.items() if len(path.read_text().splitlines()) > 300} == set()
