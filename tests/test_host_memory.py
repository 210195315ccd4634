"""What a process frees it keeps, so that the kernel needn't set a step's memory to zero again and again."""

import os
import platform
import subprocess
import sys

import pytest

from jaxcnn import host_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these are settings of glibc's allocator")

# A compiled program with 160 MB of temporary values: 39,000 pages of 4 KiB.
PROGRAM = """
import resource
import jax, jax.numpy as jnp
from jaxcnn.host_memory import keep_freed_memory

kept = keep_freed_memory() if {keep} else False
rows, square = jnp.ones((400_000, 50)), jnp.ones((50, 50))
program = jax.jit(lambda rows, square: (rows @ square @ square).sum())
program = program.lower(rows, square).compile()
assert program.memory_analysis().temp_size_in_bytes >= 80_000_000
faults = []
for _ in range(16):  # the heap finds its place within the first eight
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    jax.block_until_ready(program(rows, square))
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(kept, faults[-1])
"""


def run(keep: bool, **environment: str) -> tuple[str, int]:
    """(whether it says that memory is kept, the pages that the last of sixteen calls has asked the kernel for)."""
    surroundings = {name: value for name, value in os.environ.items() if name not in host_memory.VARIABLES}
    command = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    done = subprocess.run(command, env=surroundings | environment, capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept, int(faults)


@glibc
def test_later_calls_need_no_new_pages():
    kept, faults = run(keep=True)
    assert kept == "True"
    assert faults < 2_000 < 19_000 < run(keep=False)[1]


@glibc
def test_the_users_own_settings_stay():
    assert run(keep=True, MALLOC_ARENA_MAX="4")[0] == "False"


def test_another_c_library_is_left_alone(monkeypatch):
    for name in host_memory.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(host_memory.ctypes, "CDLL", lambda name: object())
    assert not host_memory.keep_freed_memory()


def test_a_machine_with_an_accelerator_is_left_alone(monkeypatch):
    for name in host_memory.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(host_memory, "entry_points", lambda group: {"jax_plugins": ["xla_cuda13"]}[group])
    monkeypatch.setattr(host_memory.ctypes, "CDLL", lambda name: pytest.fail("the allocator was asked"))
    assert not host_memory.keep_freed_memory()
