"""A step's memory comes in large pages, or is kept, so that the kernel needn't set 4 KiB after 4 KiB to zero again."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxcnn.runtime import host_memory

ROOT = Path(__file__).parents[2]
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these are settings of glibc's allocator")

# A compiled program with 160 MB of temporary values: 39,000 pages of 4 KiB.
PROGRAM = """
import resource
import jax, jax.numpy as jnp
from jaxcnn.runtime.host_memory import keep_freed_memory

kept = keep_freed_memory() if {keep} else False
rows, square = jnp.ones((400_000, 50)), jnp.ones((50, 50))
program = jax.jit(lambda rows, square: (rows @ square @ square).sum())
program = program.lower(rows, square).compile()
assert program.memory_analysis().temp_size_in_bytes >= 80_000_000
faults = []
for _ in range(24):  # the heap finds its place within the first few
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    jax.block_until_ready(program(rows, square))
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(kept, sorted(faults)[len(faults) // 2])  # now and then something small takes that place
"""


def run(keep: bool, **environment: str) -> tuple[str, int]:
    """(whether it says that memory is kept, the pages that the usual call of 24 asks the kernel for)."""
    command = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    done = subprocess.run(command, env=without_settings() | environment, capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept, int(faults)


def without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in host_memory.VARIABLES}


@pytest.fixture
def undecided(monkeypatch):
    """As in a shell where nobody has set the allocator up."""
    for name in host_memory.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def large_pages(undecided):
    """A machine that gives large pages to those who ask."""
    undecided.setattr(host_memory, "kernel_gives", lambda: "madvise")
    undecided.setattr(host_memory, "glibc_version", lambda: (2, 35))
    undecided.setattr(sys, "gettrace", lambda: None)  # coverage traces like a debugger
    return undecided


@glibc
def test_later_calls_need_no_new_pages():
    kept, faults = run(keep=True)
    assert kept == "True"
    assert faults < 2_000 < 19_000 < run(keep=False)[1]


@glibc
def test_the_users_own_settings_stay():
    assert run(keep=True, MALLOC_ARENA_MAX="4")[0] == "False"


@pytest.mark.skipif(not host_memory.settings(), reason="this machine has no large pages to ask for")
def test_large_pages_are_few():
    assert run(keep=False, **host_memory.settings())[1] < 2_000


@pytest.mark.parametrize("kernel", ["always", "madvise", "never"])
def test_where_the_kernel_gives_large_pages_nothing_is_kept(undecided, tmp_path, kernel):
    """To everybody, or to those who ask, who then were started with the setting."""
    file = tmp_path / "enabled"
    file.write_text(" ".join(f"[{word}]" if word == kernel else word for word in ("always", "madvise", "never")))
    undecided.setattr(host_memory, "KERNEL_SETTING", file)
    undecided.setattr(host_memory, "glibc_version", lambda: (2, 36))
    asked = []
    undecided.setattr(
        host_memory.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=lambda *it: asked.append(it) or 1)
    )
    assert host_memory.kernel_gives() == kernel
    assert host_memory.settings() == ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if kernel == "madvise" else {})
    for name, value in host_memory.settings().items():
        undecided.setenv(name, value)
    assert host_memory.has_large_pages() == (kernel != "never")
    assert host_memory.keep_freed_memory() == (kernel == "never") == bool(asked)


def test_systems_without_large_pages(undecided, tmp_path):
    undecided.setattr(host_memory, "KERNEL_SETTING", tmp_path / "none")
    assert host_memory.kernel_gives() == "never" and host_memory.settings() == {}
    undecided.setattr(host_memory, "kernel_gives", lambda: "madvise")
    undecided.setattr(host_memory, "glibc_version", lambda: (2, 31))
    assert host_memory.settings() == {}


@pytest.mark.parametrize("options", [(), ("-u",), ("-B", "-O")])
@pytest.mark.parametrize(
    ("ours", "given"),
    [
        ((str(ROOT / "launch.py"),), ("launch.py",)),
        (("/usr/bin/jaxcnn",), ("/usr/bin/jaxcnn",)),
        (("-m", "jaxcnn"), ("-m", "jaxcnn")),
    ],
)
def test_a_command_starts_itself_again_with_large_pages(large_pages, options, ours, given):
    started = []
    large_pages.setattr(os, "execve", lambda *arguments: started.append(arguments))
    large_pages.chdir(ROOT)
    host_memory.start_again(ours, ("python", *options, *given, "--exp=lenet5_1998"))
    ((executable, arguments, environment),) = started
    assert [executable, *arguments] == [sys.executable, sys.executable, *options, *given, "--exp=lenet5_1998"]
    assert environment == os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@pytest.mark.skipif(not host_memory.settings(), reason="this machine has no large pages to ask for")
@pytest.mark.parametrize(("own", "expected"), [({}, True), ({"MALLOC_ARENA_MAX": "4"}, False)])
def test_so_does_the_real_one_unless_the_user_has_decided(tmp_path, own, expected):
    environment = without_settings() | own | {"JAX_PLATFORMS": "cpu", "TFDS_DATA_DIR": str(tmp_path)}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # what is traced isn't started again
    command = [sys.executable, "launch.py", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert json.loads(done.stdout)["large_pages"] is expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("python",),
        ("python", "-u"),
        ("python", "-i", "launch.py"),
        ("python", "-m", "pdb", "launch.py"),
        ("python", "-m", "pdb", "-m", "jaxcnn"),
        ("python", "-m"),
        ("python", "-c", "import launch"),
        ("pytest", "tests"),
    ],
)
def test_what_isnt_plainly_the_command_goes_on(large_pages, arguments):
    large_pages.setattr(os, "execve", lambda *_: pytest.fail("it started again"))
    large_pages.chdir(ROOT)
    for ours in ((str(ROOT / "launch.py"),), ("-m", "jaxcnn")):
        host_memory.start_again(ours, arguments)


def test_what_a_debugger_traces_goes_on(large_pages):
    large_pages.setattr(sys, "gettrace", lambda: print)
    large_pages.setattr(os, "execve", lambda *_: pytest.fail("it started again"))
    host_memory.start_again(("launch.py",), ("python", "launch.py"))


def test_a_system_that_refuses_to_start_it_again_is_no_failure(large_pages):
    def refuse(*_):
        raise PermissionError("not here")

    large_pages.setattr(os, "execve", refuse)
    host_memory.start_again(("launch.py",), ("python", "launch.py"))


def test_the_allocator_is_seen_to_before_any_library_is_imported():
    code = (
        "import sys; from jaxcnn.runtime import host_memory; "
        "print([m for m in ('jax', 'numpy', 'flax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_another_c_library_is_left_alone(undecided):
    undecided.setattr(host_memory.ctypes, "CDLL", lambda name: object())
    assert host_memory.glibc_version() == ()
    assert not host_memory.keep_freed_memory() and host_memory.settings() == {}


def test_a_machine_with_an_accelerator_is_left_alone(large_pages):
    large_pages.setattr(host_memory, "entry_points", lambda group: {"jax_plugins": ["xla_cuda13"]}[group])
    large_pages.setattr(host_memory.ctypes, "CDLL", lambda name: pytest.fail("the allocator was asked"))
    assert not host_memory.keep_freed_memory() and host_memory.settings() == {}
