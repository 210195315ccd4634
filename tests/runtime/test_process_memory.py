"""What the system says of memory, and what follows from it."""

import sys

import numpy as np
import psutil
import pytest

from jaxcnn.runtime import process_memory

LARGE = 200_000_000  # bytes


def test_resident_and_peak_memory_follow_what_the_process_holds():
    before = process_memory.resident_bytes()
    held = np.ones(LARGE, np.uint8)
    during = process_memory.resident_bytes()
    assert held.nbytes == LARGE
    assert 0.9 * LARGE < during - before < 1.2 * LARGE
    assert process_memory.peak_bytes() >= 0.99 * during


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
