"""Where the checkout lies, what lies in it and what the shell says make no difference to tests and commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project_files import ROOT, by_name

# A few that look at the environment, at files of the checkout, at the command line; none compiles a network.
TESTS = (
    "tests/test_docs.py::test_nothing_names_the_machine",
    "tests/test_docs.py::test_commands_parse",
    "tests/command_line/test_startup.py",
    "tests/data/test_sources.py",
    "tests/command_line/test_launch_refuses.py::test_a_wrong_command_is_answered_in_one_line",
    "tests/command_line/test_launch_answers.py::test_doctor",
)
REAL = os.environ.get("JAXCNN_TEST_DATA", "")
needs_mnist = pytest.mark.skipif(not REAL, reason="JAXCNN_TEST_DATA names no folder with mnist/")
REVERSED = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the project in a folder with an unusual name, among what runs, builds and users leave there."""
    folder = tmp_path / "with space 한글" / "jaxcnn"
    for path in by_name():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    left = ("runs/a/checkpoints/1/commit_success.txt", ".venv-3.14/lib/module.py", "build/lib/module.py", "my notes.md")
    for name in left:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("/".join(("", "tmp", "of", "this", "machine")))
    return folder


@pytest.fixture
def hostile(tmp_path) -> dict[str, str]:
    """An environment in which everything that a shell can say is said, and wrong for the tests."""
    no_folder = tmp_path / "no folder"
    no_folder.touch()
    shadow = tmp_path / "of the user"
    for name in ("jaxcnn", "launch"):
        (shadow / name).mkdir(parents=True)
        (shadow / name / "__init__.py").write_text("raise ImportError('of the user')\n")
    folders = ("HOME", "XDG_CACHE_HOME", "TFDS_DATA_DIR", "JAX_COMPILATION_CACHE_DIR", "MPLCONFIGDIR", "GIT_DIR")
    return {
        **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ},
        **dict.fromkeys(folders, str(no_folder)),
        "PYTHONPATH": str(shadow),
        "PYTHONWARNINGS": "error",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3 --xla_no_such_flag=1",
        "JAX_PLATFORMS": "cuda",
        "JAX_NUM_CPU_DEVICES": "2",
        **dict.fromkeys(("JAX_ENABLE_X64", "JAX_DEBUG_NANS", "JAX_DISABLE_JIT", "JAX_LOG_COMPILES"), "1"),
        "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
        **{"JAX_COORDINATOR_ADDRESS": "127.0.0.1:1", "JAX_NUM_PROCESSES": "2", "SLURM_JOB_ID": "1"},
        **{"COLUMNS": "20", "TERM": "dumb", "FORCE_COLOR": "1", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
        **{"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0", "OMP_NUM_THREADS": "1", "MPLBACKEND": "none"},
        "JAXCNN_TEST_DATA": str(no_folder),
    }


def test_the_tests_pass_in_a_hostile_place(checkout, hostile, tmp_path):
    """In the opposite order too, so that none leans on the one before it."""
    (checkout / "reversing.py").write_text(REVERSED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "reversing", "-p", "no:cacheprovider", *TESTS]
    hostile["PYTHONPATH"] += f"{os.pathsep}{checkout}"
    done = subprocess.run(command, cwd=checkout, env=hostile, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout


def test_a_command_says_no_warning_where_home_is_no_folder_and_the_locale_is_c(tmp_path):
    """Twice: the second time there is something from the first."""
    (tmp_path / "no folder").touch()
    home = str(tmp_path / "no folder")
    environment = {"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C", "JAX_PLATFORMS": "cpu"}
    folder = tmp_path / "with space 한글"
    folder.mkdir()
    command = [sys.executable, str(ROOT / "launch.py"), "--exp=cnn_primer", "--steps=1"]
    command += ["--set=inputs.size=14", "--set=inputs.stored_size=14"]
    for expected in ("1 step", "is finished"):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout + done.stderr and "rehearsal" in done.stdout
        assert "Warning" not in done.stderr and "Traceback" not in done.stderr
        assert done.stderr.count("note: can't keep compiled programs") == 1


def readme(mark: str) -> str:
    found = re.search(
        rf"<!-- {mark} -->\n```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    return found[1]


@pytest.mark.slow
@pytest.mark.parametrize("mnist", [pytest.param(True, marks=needs_mnist), False])
@pytest.mark.parametrize("order", [("run", "tests"), ("tests", "run")])
def test_readmes_commands_twice(checkout, hostile, tmp_path, order, mnist):
    """As a newcomer types them, who has no folder for a home; of the tests a few. Packages come from pip's index."""
    python3 = tmp_path / "bin" / "python3"
    python3.parent.mkdir()
    python3.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" "$@"\n')
    python3.chmod(0o755)
    environment = {name: hostile[name] for name in ("HOME", "XDG_CACHE_HOME", "TERM", "LC_ALL")} | {
        "PATH": f"{python3.parent}{os.pathsep}{os.environ['PATH']}",
        "TFDS_DATA_DIR": str(tmp_path / "data"),
        "PYTEST_ADDOPTS": "tests/test_docs.py tests/test_imports.py tests/data",
    }

    def run(command: str) -> str:
        shell = ["bash", "-euo", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=checkout, env=environment, capture_output=True, text=True, timeout=3600)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr and "Warning" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    if mnist:
        command = [sys.executable, str(ROOT / "launch.py"), "prepare", "--data=mnist"]
        command += [f"--manual-dir={Path(REAL) / 'mnist'}", f"--data-dir={tmp_path / 'data'}"]
        subprocess.run(command, check=True, timeout=600)
    for name in order * 2:
        shown = run(readme(name))
        assert name == "tests" or not mnist or "rehears" not in shown.lower()
