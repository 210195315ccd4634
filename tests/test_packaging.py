"""What is built and installed is ours alone, whatever lies in the folder where it is used."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import jaxcnn

ROOT = Path(__file__).parents[1]
BUILT_FROM = (
    *("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt"),
    *("launch.py", "jaxcnn", "experiments"),
)


def setuptools_version() -> int:
    try:
        return int(importlib.metadata.version("setuptools").split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


builds = pytest.mark.skipif(setuptools_version() < 77, reason="needs setuptools 77 or newer, as pyproject.toml asks")

# As pip calls it, with neither pip nor a network.
BUILD = "import sys; from setuptools import build_meta; print('built', getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(source: Path, kind: str, target: Path) -> Path:
    """A "wheel" or "sdist" of the project in `source`."""
    command = [sys.executable, "-c", BUILD, f"build_{kind}", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split("built ")[-1].strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with a source distribution, and the wheel that is built from what it unpacks to, as pip does it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    with tarfile.open(build(source, "sdist", target)) as archive:
        archive.extractall(target, filter="data")
    (unpacked,) = (path for path in target.iterdir() if path.is_dir())
    build(unpacked, "wheel", target)
    return target


@pytest.fixture(scope="module")
def installed(built) -> Path:
    """A folder that is to Python what site-packages is, with the wheel in it."""
    (wheel,) = built.glob("*.whl")
    folder = built / "site"
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    """A user's project, with the names that ours have in the repository."""
    for name in ("experiments/__init__.py", "experiments/alexnet_2012.py", "launch.py", "benchmarks/__init__.py"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("print('the user has been imported')\n")
    (tmp_path / "project" / "experiments" / "mine.py").write_text("")
    return tmp_path / "project"


def python(*arguments: str, cwd: Path, path: Path | str = "") -> str:
    """What Python prints, run in `cwd` with the current folder and `path` to import from."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, ("", str(cwd), str(path))))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_folder_of_the_package_is_listed():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "jaxcnn").rglob("*.py")}
    assert packages == sorted(packages)
    assert set(packages) == {".".join(folder.parts) for folder in folders} | {"jaxcnn.experiments"}


@builds
def test_the_wheel_has_one_name(built, installed):
    """And every file of the package, the papers' among them, which are outside of it in the repository."""
    (information,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {"jaxcnn", information.name}
    assert "jaxcnn = jaxcnn.__main__:console" in (information / "entry_points.txt").read_text()
    expected = {path.relative_to(ROOT) for path in (ROOT / "jaxcnn").rglob("*.py")}
    expected |= {Path("jaxcnn/data/imagenet_classes.txt")}
    expected |= {path.relative_to(ROOT) for path in (ROOT / "jaxcnn").rglob("templates/*")}
    expected |= {Path("jaxcnn") / path.relative_to(ROOT) for path in (ROOT / "experiments").rglob("*.py")}
    assert {path.relative_to(installed) for path in (installed / "jaxcnn").rglob("*") if path.is_file()} == expected


@builds
def test_an_unpacked_source_distribution_is_as_a_checkout(built, project):
    (unpacked,) = (path for path in built.iterdir() if (path / "launch.py").exists())
    assert {"experiments", "jaxcnn", "constraints.txt", "LICENSE"} <= {path.name for path in unpacked.iterdir()}
    shown = python(str(unpacked / "launch.py"), "describe", "--help", cwd=project)
    assert shown.startswith("usage: launch.py describe")


ASK = """
import sys
import jaxcnn
from jaxcnn import experiments
from jaxcnn.runtime import program
from jaxcnn.data.datasets import prepare_command
assert jaxcnn.load("alexnet_2012").paper.year == 2012
print(*jaxcnn.names())
print(sys.modules["jaxcnn.experiments.alexnet_2012"].__file__)
print(program.checkout())
print(prepare_command("mnist"))
print([name for name in ("experiments", "launch", "benchmarks") if name in sys.modules])
"""


@builds
@pytest.mark.parametrize("where", ["installed", "checkout"])
def test_a_users_own_folders_are_neither_read_nor_hidden(request, project, where):
    """Also where the user's project comes first of all that can be imported."""
    ours = ROOT if where == "checkout" else request.getfixturevalue("installed")
    names, file, checkout, command, others = python("-c", ASK, cwd=project, path=ours).splitlines()
    assert names.split() == jaxcnn.names()
    if where == "installed":
        assert file == str(ours / "jaxcnn" / "experiments" / "alexnet_2012.py")
        assert (checkout, command) == ("None", "jaxcnn prepare --data=mnist")
    else:
        assert file == str(ROOT / "experiments" / "alexnet_2012.py")
        assert (checkout, command) == (str(ROOT), "python launch.py prepare --data=mnist")
    assert others == "[]"
    assert "the user" in python("-c", "import experiments.mine, launch", cwd=project, path=ours)


@builds
@pytest.mark.parametrize(
    ("door", "name"),
    [
        (("-m", "jaxcnn"), "python -m jaxcnn"),
        (("-c", "import sys; from jaxcnn.__main__ import console; sys.exit(console())"), "jaxcnn"),
    ],
)
def test_an_installed_program_has_its_doors(project, installed, door, name):
    shown = python(*door, "--help", cwd=project, path=installed)
    assert shown.startswith("usage: jaxcnn ") and f"  {name} --exp=lenet5_1998 " in shown
    assert "the user" not in shown
