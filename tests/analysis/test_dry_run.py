"""`--dry-run` on networks of known size: its figures, its warnings, and that nothing is run or written."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from test_bench import WIDE

from jaxcnn.analysis import dry_run as module
from jaxcnn.analysis.dry_run import dry_run, ticking
from jaxcnn.analysis.simulated import simulated_dry_run
from jaxcnn.augmentation.random_crops import AreaCrop
from jaxcnn.config.experiment import Rehearsal, load
from jaxcnn.errors import UsageError
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Silent

PARAMETERS = 256 * 64 + 64


@pytest.fixture(autouse=True)
def no_measuring(monkeypatch):
    monkeypatch.setattr(module, "operations_a_second", lambda *_: {"matrix_product": 4e9, "convolution": 1e9})


def run(experiment: Any = WIDE, **options: Any) -> dict[str, Any]:
    return dry_run(experiment, settings=("model.num_classes=64",), **options)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_the_figures_of_a_linear_network(mode, tmp_path):
    found = run(parallel=mode)
    memory = found["memory"]
    assert found["parameters"] == PARAMETERS and memory["parameters"] == 4 * PARAMETERS
    assert memory["optimizer_state"] == 4 * PARAMETERS  # the velocity
    assert memory["other_state"] == pytest.approx(4 * 16 * 16, abs=64)  # the mean image, and some numbers
    assert memory["resident_data"] == 1438 * (256 + 4)
    assert memory["batch"] == pytest.approx(8 * 4, abs=16)  # places of eight images a device
    assert memory["activations"] > 0
    assert memory["peak"] >= sum(memory[name] for name in ("parameters", "optimizer_state", "resident_data"))
    assert memory["process"]["peak"] > 2**27  # Python with JAX
    # On each of 8 devices 8 images: forward and weight gradient.
    assert found["flops_per_step"] == 2 * 2 * 8 * 256 * 64
    assert found["collectives"].keys() == {"all-reduce"}
    assert 4 * PARAMETERS <= found["collectives"]["all-reduce"]["bytes"] <= 1.05 * 4 * (PARAMETERS + 4)
    assert found["host_transfers"] == [] and found["warnings"] == []
    assert found["length"] == {"steps_per_epoch": 22, "steps": 1}
    assert found["time"]["step_seconds"] == found["flops_per_step"] / 1e9
    assert found["time"]["epoch_seconds"] == 22 * found["time"]["step_seconds"]
    assert found["data_found"]["found"] and found["data_found"]["on_device"]
    assert found["disk"]["checkpoints"] == 3 * (memory["parameters"] * 2 + memory["other_state"])
    assert not any(tmp_path.iterdir()), "a dry run leaves nothing behind"


def test_streamed_data_is_read_and_its_speed_counts():
    crop = AreaCrop(min_area=0.5, max_area=1.0, min_aspect=1.0, max_aspect=1.0)
    streamed = dataclasses.replace(
        WIDE, inputs=dataclasses.replace(WIDE.inputs, channels=3, crop=crop, mean=0.0), data="photos"
    )
    found = run(streamed)
    assert not found["data_found"]["on_device"] and found["memory"]["resident_data"] == 0
    assert found["memory"]["batch"] == 8 * (16 * 16 * 3 + 4)
    assert found["time"]["reading_seconds"] == pytest.approx(64 / found["data_found"]["pictures_per_second"])
    assert found["time"]["step_seconds"] == max(found["time"]["reading_seconds"], found["time"]["compute_seconds"])


def test_data_that_is_not_there_is_said_with_what_a_run_would_do():
    elsewhere = dataclasses.replace(WIDE, data="mnist", rehearsal=Rehearsal(data="digits", overrides={}))
    found = run(elsewhere)
    assert not found["data_found"]["found"] and found["data_found"]["train_pictures"] == 60_000
    assert found["memory"]["resident_data"] == 60_000 * (256 + 4)
    (warning,) = found["warnings"]
    assert "mnist isn't there" in warning and "rehearse on digits" in warning and "prepare --data=mnist" in warning


def test_it_warns_before_memory_or_disk_run_out(monkeypatch):
    monkeypatch.setattr(module, "device_memory", lambda _: 1000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    memory, disk = run()["warnings"]
    assert memory.startswith("out of memory: this machine would need") and "--set accumulate=2" in memory
    assert disk.startswith("disk: checkpoints need")


def test_the_whole_process_counts_not_the_step_alone():
    """What this process holds at its start it holds already; the other simulated devices come on top."""
    found = run()
    peak, process = found["memory"]["peak"], found["memory"]["process"]
    needed = process["peak"] - process["start"] + 7 * peak
    assert needed > 8 * peak
    for free, told in ((needed - 1, True), (needed, False)):
        answer = {**found, "devices": {**found["devices"], "memory_bytes": free}}
        assert any(line.startswith("out of memory") for line in module.warnings(answer, None)) == told


def test_a_batch_that_does_not_divide():
    with pytest.raises(UsageError, match=r"8 devices × accumulate \(=3\); use 48 or 72"):
        run(dataclasses.replace(WIDE, accumulate=3))


def test_the_seconds_tick_while_it_compiles():
    seen = []

    class Watching(Silent):
        def advance(self, what, done, total, note=""):
            seen.append((what, done, total, note))

    before = threading.active_count()
    with ticking(Watching(), "compiling"):
        time.sleep(1.3)
    assert seen == [("compiling", 1, None, "s")] and threading.active_count() == before


def test_towers_are_laid_out_as_a_run_would():
    small = ("inputs.size=67", "inputs.stored_size=72", "model.hidden_units=64", "batch_size=8")
    alexnet = load("alexnet_2012")
    found = dry_run(alexnet, data="photos", mesh="data=4,model=2", settings=small)
    assert found["mesh"] == {"data": 4, "model": 2}
    shared = 10  # the classes' biases are on both
    assert found["memory"]["parameters"] == 4 * ((found["parameters"] - shared) // 2 + shared)
    assert "all-gather" in found["collectives"]
    assert not any("communicates" in line for line in found["warnings"])


def test_a_mesh_that_does_not_fit():
    with pytest.raises(UsageError, match="there is no axis 'foo'"):
        run(mesh="foo=8")
    with pytest.raises(UsageError, match="lays out 16 devices, there are 8"):
        run(mesh="data=16")


def test_devices_that_are_not_there(monkeypatch):
    """Three devices in a process of their own, while this one has eight; the user's XLA_FLAGS reach it."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2 --xla_cpu_enable_fast_math=false")
    found = simulated_dry_run("lenet5_1998:modern", 3, data="digits", settings=["batch_size=6"])
    assert found["devices"]["count"] == 3 and found["devices"]["simulated"]
    assert found["collectives"].keys() == {"all-reduce"} and found["time"]["run_seconds"] is None
    with pytest.raises(UsageError, match=r"batch_size \(=4\) must divide evenly over 3 devices"):
        simulated_dry_run("lenet5_1998:modern", 3, data="digits", settings=["batch_size=4"])
    assert len(Devices().devices) == 8 and Path.cwd().exists()
