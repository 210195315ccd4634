"""The floors of the house: imports run downwards, at the top of a file and within functions alike."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the door down. A file imports from its own folder and from lower floors; folders on one floor don't know each
# other. A name stands for a folder with all below it, or for a single module, unless a longer name fits better.
FLOORS = (
    ("launch",),
    ("jaxcnn",),  # its own two files, the doors of Python: `jaxcnn.fit`, `python -m jaxcnn`
    ("jaxcnn.cli",),
    ("jaxcnn.analysis", "jaxcnn.interop", "jaxcnn.inspection"),
    ("jaxcnn.runs",),
    ("jaxcnn.evaluation",),
    ("jaxcnn.training", "jaxcnn.experiments"),
    ("jaxcnn.augmentation", "jaxcnn.parallel", "jaxcnn.optim"),
    ("jaxcnn.data", "jaxcnn.reporting", "jaxcnn.config"),
    ("jaxcnn.models", "jaxcnn.runtime"),
    ("jaxcnn.ranges",),
    ("jaxcnn.errors",),
)
# The order within a folder that has folders of its own, again from the top; its own files come under its own name.
WITHIN = {
    "jaxcnn.data": (
        ("jaxcnn.data.preparation",),
        ("jaxcnn.data.preparation.builders",),
        ("jaxcnn.data.loading",),
        ("jaxcnn.data",),
        ("jaxcnn.data.decoding",),
    ),
    "jaxcnn.models": (
        ("jaxcnn.models",),
        ("jaxcnn.models.layers",),
        ("jaxcnn.models.kernels",),
        ("jaxcnn.models.sharding",),
    ),
}
# The one look upwards: an experiment is found by its name, in whatever file there is of that name.
BY_NAME = {("jaxcnn.config.experiment", "jaxcnn.experiments")}
# What a network may use besides other files of `models/`: it can be taken out of this project with these.
BESIDE_MODELS = ("jaxcnn.errors", "jaxcnn.ranges")
# Flax Linen outside `models/`: types, the interception of calls, and the one `init`/`apply` boundary.
LINEN = {
    "jaxcnn.config.experiment",  # the type of a field
    "jaxcnn.config.overrides",  # activations by name; a module's own fields
    "jaxcnn.config.serialize",  # a module's own fields
    "jaxcnn.inspection.network.graph",  # intercepts every layer's call
    "jaxcnn.inspection.network.taps",  # intercepts them to read what they take
    "jaxcnn.interop.to_onnx.trace",  # intercepts those of the layers that ONNX has
    "jaxcnn.runs.layer_table",  # intercepts every layer's call
    "jaxcnn.runs.resolve",  # the type of a network
    "jaxcnn.training.state",  # init
    "jaxcnn.training.steps",  # apply
}


def sources() -> dict[str, Path]:
    """Module name → file, of everything that is installed."""
    files = {path.relative_to(ROOT): path for path in [ROOT / "launch.py", *(ROOT / "jaxcnn").rglob("*.py")]}
    files |= {("jaxcnn" / path.relative_to(ROOT)): path for path in (ROOT / "experiments").rglob("*.py")}
    return {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for name, path in files.items()}


SOURCES = sources()
PACKAGES = {module for module, path in SOURCES.items() if path.name == "__init__.py"} | {"jaxcnn.experiments"}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


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


def ours(names: Iterable[str]) -> set[str]:
    """Those that are modules of this project, each as the deepest module that it names."""
    names = {name for name in names if name.split(".")[0] in ("jaxcnn", "launch")}
    found = {name if name in SOURCES else name.rpartition(".")[0] or name for name in names}
    # `from jaxcnn.models import vgg` names the package only to get at its module.
    return {name for name in found if name not in PACKAGES or not any(within(other, name) for other in names - {name})}


def folder(module: str) -> str:
    """The folder that a module's file lies in; a file at the top counts as a folder of its own."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    return module if package in ("", "jaxcnn") else package


def floor(module: str, floors: tuple[tuple[str, ...], ...] = FLOORS) -> tuple[int, str]:
    """How far above the ground a module is, and the name in the table that it belongs to."""
    fitting = [
        (len(name), number, name)
        for number, names in enumerate(reversed(floors))
        for name in names
        if within(module, name)
    ]
    assert fitting, f"{module} has no floor: put it on one, in {Path(__file__).name}"
    _, number, name = max(fitting)
    return number, name


def runs_up(module: str, other: str) -> bool:
    """Whether `module` may not import `other`."""
    (above, part), (below, theirs) = floor(module), floor(other)
    if part == theirs and part in WITHIN:
        (above, part), (below, theirs) = floor(module, WITHIN[part]), floor(other, WITHIN[part])
    return part != theirs and above <= below


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A way through the graph that ends where it began; empty where there is none."""
    finished: set[str] = set()

    def search(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in finished:
            return []
        for other in sorted(graph.get(node, ())):
            if found := search(other, [*way, node]):
                return found
        finished.add(node)
        return []

    return next((found for node in sorted(graph) if (found := search(node, []))), [])


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module → what it imports."""
    return {module: set(imported(ast.parse(path.read_text(encoding="utf-8")))) for module, path in SOURCES.items()}


@pytest.fixture(scope="module")
def graph(imports) -> dict[str, set[str]]:
    """Module → the modules of ours that it imports, without those that it finds by name."""
    return {
        module: {name for name in ours(names) - {module} if (module, name) not in BY_NAME}
        for module, names in imports.items()
    }


def test_no_import_runs_up(graph):
    wrong = {f"{module} imports {name}" for module, names in graph.items() for name in names if runs_up(module, name)}
    assert wrong == set()


def test_no_circle_of_folders(graph):
    between: dict[str, set[str]] = defaultdict(set)
    for module, names in graph.items():
        between[folder(module)] |= {folder(name) for name in names} - {folder(module)}
    assert circle(between) == []


def test_no_circle_of_files(graph):
    assert circle(graph) == []


def test_the_rules_see_what_is_wrong():
    """The reader of imports finds each way of importing; each kind of wrong import is told from a right one."""
    code = (
        "import jaxcnn.data.sources\nfrom jaxcnn import launch\ndef f():\n    from jaxcnn.runs import fit\n"
        "importlib.import_module(f'jaxcnn.experiments.{name}')"
    )
    names = set(imported(ast.parse(code)))
    assert {"jaxcnn.data.sources", "jaxcnn.runs.fit", "jaxcnn.experiments.{name}", "jaxcnn.launch"} <= names
    assert ours({"jaxcnn.models", "jaxcnn.models.vgg", "numpy"}) == {"jaxcnn.models.vgg"}
    assert ours({"jaxcnn"}) == {"jaxcnn"}
    assert runs_up("jaxcnn.training.steps", "jaxcnn.runs.fit") and not runs_up(
        "jaxcnn.runs.fit", "jaxcnn.training.steps"
    )
    assert runs_up("jaxcnn.optim.losses", "jaxcnn.parallel.mesh") and runs_up("jaxcnn.cli.commands", "jaxcnn")
    assert runs_up("jaxcnn.data.sources", "jaxcnn.data.loading.read") and runs_up(
        "jaxcnn.models.layers.core", "jaxcnn.models.vgg"
    )
    assert not runs_up("jaxcnn.data.loading.read", "jaxcnn.data.loading.order")
    assert (
        circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"] and circle({"a": {"b", "c"}, "b": {"c"}}) == []
    )
    with pytest.raises(AssertionError, match="no floor"):
        floor("elsewhere.module")


def test_every_folder_says_what_it_holds():
    for module, path in SOURCES.items():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), module


def test_only_experiment_reads_the_experiments_and_nothing_imports_launch(imports):
    for module, names in imports.items():
        for name in names:
            assert not within(name, "launch") and not within(name, "experiments"), module
            reads = within(name, "jaxcnn.experiments")
            assert not reads or module == "jaxcnn.config.experiment" or within(module, "jaxcnn.experiments"), module


def test_reporting_and_models_stand_alone(imports):
    """Reporting knows neither networks nor data; a network can be taken out of this project as it is."""
    for module, names in imports.items():
        if within(module, "jaxcnn.reporting"):
            assert not any(within(name, "jax") or within(name, "flax") for name in names), module
        if within(module, "jaxcnn.models"):
            assert all(within(name, "jaxcnn.models") or name in BESIDE_MODELS for name in ours(names)), module


def test_linen_stays_at_its_boundary(imports):
    users = {module for module, names in imports.items() if "flax.linen" in names}
    assert {module for module in users if not within(module, "jaxcnn.models")} == LINEN


@pytest.mark.parametrize("package", ["tensorflow", "flax.training", "flax.nnx", "torch", "keras"])
def test_nobody_imports(imports, package):
    for module, names in imports.items():
        if (module, package) != (
            "jaxcnn.interop.pytorch_file",
            "torch",
        ):  # reads torch's own files
            assert not any(within(name, package) for name in names), module


def test_private_jax_stands_in_one_file():
    users = {module for module, path in SOURCES.items() if "jax._src" in path.read_text(encoding="utf-8")}
    assert users == {"jaxcnn.runtime.private_jax"}


def test_files_are_small():
    """One that outgrows 300 lines is two things."""
    assert {module for module, path in SOURCES.items() if len(path.read_text().splitlines()) > 300} == set()
