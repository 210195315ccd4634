"""Imports run one way, read from the source: also those inside functions."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each part of the house may import of ours, the nearest rule first. A part is a module or a package.
ALLOWED = {
    "jaxcnn.runtime.signals": ("jaxcnn.runtime.program",),
    "jaxcnn.errors": (),
    "jaxcnn.runtime.host_memory": (),
    "jaxcnn.runtime.paths": ("jaxcnn.errors",),
    "jaxcnn.runtime.program": (),
    "jaxcnn.runtime.standard_streams": ("jaxcnn.errors",),
    "jaxcnn.runtime.xla_flags": (),
    "jaxcnn.ranges": ("jaxcnn.errors",),
    "jaxcnn.config.inputs": ("jaxcnn.errors", "jaxcnn.ranges"),
    "jaxcnn.config.experiment": ("jaxcnn.errors", "jaxcnn.config.inputs", "jaxcnn.ranges"),
    "jaxcnn.config.overrides": (
        "jaxcnn.errors",
        "jaxcnn.config.experiment",
        "jaxcnn.models.kernels.relu",
        "jaxcnn.ranges",
    ),
    "jaxcnn.models": ("jaxcnn.models", "jaxcnn.ranges"),
    "jaxcnn.data": (
        "jaxcnn.runtime.signals",
        "jaxcnn.errors",
        "jaxcnn.runtime.paths",
        "jaxcnn.runtime.program",
        "jaxcnn.data",
    ),
    # The modules of training that are jobs: they bring the parts together.
    "jaxcnn.runs.fit": ("jaxcnn",),
    "jaxcnn.runs.plan": ("jaxcnn",),
    "jaxcnn.runs.run": ("jaxcnn",),
    "jaxcnn.training": (
        *(
            "jaxcnn.runtime.signals",
            "jaxcnn.errors",
            "jaxcnn.config.experiment",
            "jaxcnn.config.inputs",
            "jaxcnn.config.overrides",
            "jaxcnn.ranges",
        ),
        *("jaxcnn.runtime.paths", "jaxcnn.runtime.program", "jaxcnn.runtime.standard_streams"),
        *("jaxcnn.models.sharding.batch_rows", "jaxcnn.models.layers.core", "jaxcnn.models.sharding.towers"),
        *("jaxcnn.models.kernels.backend", "jaxcnn.models.layers.shapes"),  # of setting: can the network be made?
        *("jaxcnn.data", "jaxcnn.training"),
    ),
    "jaxcnn.reporting": ("jaxcnn.errors", "jaxcnn.reporting"),
    "jaxcnn.evaluation": ("jaxcnn",),
    "jaxcnn.analysis": ("jaxcnn",),
    "jaxcnn.interop": ("jaxcnn",),
    "jaxcnn": ("jaxcnn",),
    "jaxcnn.experiments": (
        "jaxcnn.config.experiment",
        "jaxcnn.config.inputs",
        "jaxcnn.models",
        "jaxcnn.runtime.program",
        "jaxcnn.training",
    ),
    "launch": ("jaxcnn",),
}
# And what even those that may import anything of jaxcnn leave alone.
FORBIDDEN = {
    "jaxcnn.training": ("jaxcnn.runs.evaluate", "jaxcnn.analysis", "jaxcnn.interop"),
    "jaxcnn.evaluation": ("jaxcnn.runs.fit", "jaxcnn.runs.run", "jaxcnn.analysis", "jaxcnn.interop"),
    "jaxcnn.analysis": ("jaxcnn.runs.fit", "jaxcnn.runs.run", "jaxcnn.interop"),
    "jaxcnn.experiments": ("jaxcnn.runs.fit", "jaxcnn.runs.run"),
}
# Flax Linen outside `models/`: types, the interception of calls, and the one `init`/`apply` boundary.
LINEN = {
    "jaxcnn.config.experiment",  # the type of a field
    "jaxcnn.config.overrides",  # activations by name; a module's own fields
    "jaxcnn.analysis.layer_table",  # intercepts every layer's call
    "jaxcnn.runs.folder",  # a module's own fields
    "jaxcnn.runs.resolve",  # init, for its shapes
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
    assert not [line for line in wrong if not line.startswith("jaxcnn.config.experiment imports jaxcnn.experiments")]


def test_the_rules_see_what_is_wrong():
    """The reader of imports finds each way of importing."""
    code = (
        "import jaxcnn.data.loading.order\nfrom jaxcnn import launch\ndef f():\n    from jaxcnn.training import loop\n"
        "importlib.import_module(f'jaxcnn.experiments.{name}')"
    )
    names = set(imported(ast.parse(code)))
    assert {"jaxcnn.data.loading.order", "jaxcnn.runs.fit", "jaxcnn.experiments.{name}", "jaxcnn.launch"} <= names
    assert rule_for("jaxcnn.runs.run") == ("jaxcnn",) != rule_for("jaxcnn.runs.folder")


def test_only_experiment_reads_the_experiments_and_nothing_imports_launch(imports):
    for module, names in imports.items():
        for name in names:
            assert not within(name, "launch") and not within(name, "experiments"), module
            reads = within(name, "jaxcnn.experiments")
            assert not reads or module == "jaxcnn.config.experiment" or within(module, "jaxcnn.experiments"), module


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
