"""What the system says of memory, and what follows from it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jaxcnn.runtime import process_memory

ROOT = Path(__file__).parents[2]
LARGE = 200_000_000  # bytes


def test_resident_and_peak_memory_follow_what_the_process_holds():
    """In a process of its own, as this one may hold freed memory that an array would go into."""
    code = (
        "import numpy as np\n"
        "from jaxcnn.runtime.process_memory import peak_bytes, resident_bytes\n"
        f"before, held, during = resident_bytes(), np.ones({LARGE}, np.uint8), resident_bytes()\n"
        "print(before, during, peak_bytes(), held.nbytes)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, during, peak, held = map(int, done.stdout.split())
    assert held == LARGE
    assert 0.9 * LARGE < during - before < 1.2 * LARGE
    assert peak >= 0.99 * during


@pytest.mark.skipif(sys.platform != "linux", reason="two sources are there on Linux alone")
def test_the_peak_is_the_same_from_both_of_linuxs_sources(monkeypatch, tmp_path):
    """Where the process that started this one was smaller, as pytest's is."""
    from_status = process_memory.peak_bytes()
    monkeypatch.setattr(process_memory, "PROCESS_STATUS", tmp_path / "none")
    assert process_memory.peak_bytes() == pytest.approx(from_status, rel=0.05)


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(process_memory, "CONTAINER_LIMIT", limit)
    free = psutil.virtual_memory().available
    for text in (None, "max\n"):  # no such file; no limit
        if text is not None:
            limit.write_text(text)
        assert process_memory.available_bytes() == pytest.approx(free, rel=0.2)
    limit.write_text(f"{process_memory.resident_bytes() + 50_000_000}\n")
    assert process_memory.available_bytes() == pytest.approx(50_000_000, rel=0.3)
