"""`--distributed`: two processes of two devices each, over loopback, against four devices in one process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxcnn
from jaxcnn.data.loading.pipeline import test_batches as evaluation_batches  # pytest would take it for a test
from jaxcnn.data.sources import open_source
from jaxcnn.errors import UsageError
from jaxcnn.parallel import processes
from jaxcnn.parallel.devices import Devices, rows_of_process
from jaxcnn.runs import plan
from jaxcnn.runs.trained import restore_state

ROOT = Path(__file__).parents[2]
LONG, EVERY, BATCH = 400, 20, 16
EXPERIMENT = "lenet5_1998:modern"
SETTINGS = (f"batch_size={BATCH}", f"checkpoint_every={EVERY}", "schedule.rate=0.005")
PATIENCE = 600  # seconds, on a busy machine


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Together:
    """The processes of one start of a run in `workdir`, as `launch.py` starts them."""

    def __init__(self, workdir: Path, *arguments: str, count: int = 2) -> None:
        self.workdir = workdir
        port = free_port()
        self.processes = []
        for index in range(count):
            environment = {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"} | {
                "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
                "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
                "JAX_NUM_PROCESSES": str(count),
                "JAX_PROCESS_ID": str(index),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            }
            command = [sys.executable, str(ROOT / "launch.py"), f"--exp={EXPERIMENT}", "--data=digits", "--json"]
            command += [f"--workdir={workdir}", "--distributed", "--seed=5", *(f"--set={text}" for text in SETTINGS)]
            self.processes.append(
                subprocess.Popen(
                    [*command, *arguments],
                    cwd=workdir.parent,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )

    def signal_at(self, step: int, index: int, number: int) -> None:
        """Sends one of them a signal once a step is in the log."""
        while not any(event["event"] == "train" and event["step"] >= step for event in self.events()):
            assert all(process.poll() is None for process in self.processes), self.ended()
            time.sleep(0.02)
        self.processes[index].send_signal(number)

    def events(self) -> list[dict]:
        path = self.workdir / "metrics.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def ended(self) -> list[tuple[int, str, str]]:
        """(exit status, standard output, standard error) of each."""
        try:
            results = [process.communicate(timeout=PATIENCE) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [(process.returncode, *texts) for process, texts in zip(self.processes, results, strict=True)]


def test_two_processes_equal_one(tmp_path, monkeypatch):
    """To 1e-6, after 24 steps: Gloo adds up the devices' gradients in another order than one process does."""
    together = Together(tmp_path / "together", "--steps=24")
    monkeypatch.setattr(plan, "Devices", lambda mode, **_: Devices(mode, jax.devices()[:4]))
    options = {"data": "digits", "steps": 24, "seed": 5, "settings": SETTINGS}
    alone = jaxcnn.fit(jaxcnn.load(EXPERIMENT), workdir=tmp_path / "alone", **options)
    ended = together.ended()
    assert [status for status, _, _ in ended] == [0, 0], ended
    (_, output, notices), (_, nothing, quiet) = ended
    assert "4 × cpu in 2 processes" in notices and nothing == "" and "step" not in quiet, (
        "the first process alone speaks"
    )
    summary = json.loads(output)
    for name in ("top1_error", "top5_error", "count"):
        assert summary["evaluation"]["center"][name] == alone["evaluation"]["center"][name]
        assert summary["train"][name] == alone["train"][name]
    assert summary["evaluation"]["center"]["count"] == 359  # each of the test images once
    assert len(list((tmp_path / "together").glob("events.out.tfevents.*"))) == 1

    experiment = jaxcnn.override(jaxcnn.load(EXPERIMENT), *SETTINGS)
    ours, theirs = (restore_state(experiment, tmp_path / name, Devices()) for name in ("together", "alone"))
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, atol=1e-6, rtol=1e-6), ours.params, theirs.params)
    assert int(ours.step) == 24


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict:
    """The summary of a run of two processes that was left alone."""
    ended = Together(tmp_path_factory.mktemp("runs") / "uninterrupted", f"--steps={LONG}").ended()
    assert [status for status, _, _ in ended] == [0, 0], ended
    return json.loads(ended[0][1])


def finish(workdir: Path, expected: dict) -> str:
    """Starts a run again, compares its summary, and gives what its first process says."""
    ended = Together(workdir, f"--steps={LONG}").ended()
    assert [status for status, _, _ in ended] == [0, 0], ended
    summary = json.loads(ended[0][1])
    assert summary["params_sha256"] == expected["params_sha256"]
    assert summary["evaluation"] == expected["evaluation"] and summary["train"] == expected["train"]
    return ended[0][2]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_is_killed_the_other_ends_and_a_restart_equals_an_uninterrupted_run(tmp_path, uninterrupted, victim):
    """Process 0 is missed at once, another one when its heartbeats stay away."""
    killed = Together(tmp_path / "run", f"--steps={LONG}")
    killed.signal_at(2 * EVERY, victim, signal.SIGKILL)
    began = time.monotonic()
    ended = killed.ended()
    assert ended[victim][0] == -signal.SIGKILL
    status, _, notices = ended[1 - victim]
    assert status == 1 and time.monotonic() - began < processes.HEARTBEAT_SECONDS + 60
    last = notices.strip().split("\n")[-1]
    assert re.match(rf"launch\.py: process {1 - victim} of 2 stops, as another one is gone or doesn't answer: ", last)
    assert last.endswith("the same command: the run goes on from its newest checkpoint.")
    assert re.search(r"resuming at step [\d,]+0\n", finish(tmp_path / "run", uninterrupted))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "index"), [(signal.SIGTERM, 1), (signal.SIGINT, 0), (signal.SIGUSR1, 1)])
def test_a_signal_to_one_saves_all_and_a_restart_equals_an_uninterrupted_run(tmp_path, uninterrupted, number, index):
    terminated = Together(tmp_path / "run", f"--steps={LONG}")
    terminated.signal_at(8, index, number)
    ended = terminated.ended()
    assert [status for status, _, _ in ended] == [128 + signal.SIGTERM] * 2, ended
    steps = {re.findall(r"SIGTERM: saved at step (\d+);", notices)[0] for _, _, notices in ended}
    assert len(steps) == 1 and 8 <= int(*steps) < LONG
    assert f"resuming at step {steps.pop()}\n" in finish(tmp_path / "run", uninterrupted)
    trained = [event["step"] for event in terminated.events() if event["event"] == "train"]
    assert trained == sorted(set(trained)) and trained[-1] == LONG


@pytest.mark.slow
def test_an_error_of_the_first_process_is_everyones(tmp_path):
    ended = Together(tmp_path / "run", "--steps=3", "--data=mnist").ended()
    assert [status for status, _, _ in ended] == [3, 3]
    first, second = (notices.strip().split("\n")[-1] for _, _, notices in ended)
    assert first == second and first.startswith("launch.py: ") and "mnist" in first


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"JAX_COORDINATOR_ADDRESS": "a:1"}, "JAX_COORDINATOR_ADDRESS without JAX_NUM_PROCESSES and JAX_PROCESS_ID"),
        (("a", "2", "0"), r"JAX_COORDINATOR_ADDRESS \(=a\) must be host:port"),
        (("a:1", "2", "2"), r"JAX_PROCESS_ID \(=2\) must be from 0 to one less than JAX_NUM_PROCESSES \(=2\)"),
        (("a:1", "two", "0"), r"JAX_NUM_PROCESSES \(=two\)"),
    ],
)
def test_variables_that_do_not_fit(environment, message):
    if isinstance(environment, tuple):
        environment = dict(zip(processes.VARIABLES, environment, strict=True))
    with pytest.raises(UsageError, match=message):
        processes.settings(environment)


def test_variables():
    given = dict(zip(processes.VARIABLES, ("host-0:1234", "16", "3"), strict=True))
    found = processes.settings(given)
    assert (found["coordinator_address"], found["num_processes"], found["process_id"]) == ("host-0:1234", 16, 3)
    assert processes.settings({}) == {}, "a cluster says it by itself"


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ([[0], [0], [1], [1]], [(0, 2), (1, 2)]),  # two processes of two devices
        ([[0, 0], [1, 1]], [(0, 2), (1, 2)]),  # towers within a process
        ([[0, 1], [2, 3]], [(0, 2), (0, 2), (1, 2), (1, 2)]),  # towers on two processes: both read the same rows
        ([[0, 1]], [(0, 1), (0, 1)]),
    ],
)
def test_rows_of_each_process(owners, expected):
    devices = [[SimpleNamespace(process_index=owner) for owner in row] for row in owners]
    mesh = SimpleNamespace(devices=np.array(devices))
    assert [rows_of_process(mesh, process) for process in range(len(expected))] == expected  # pyright: ignore


def test_every_test_image_counts_once_over_processes():
    """359 images in batches of 100 on four processes: the last batch leaves one of them nothing but padding."""
    source = open_source("digits", "test")
    shards = [
        list(evaluation_batches(source, size=8, channels=1, batch_size=100, shard=(index, 4))) for index in range(4)
    ]
    whole = list(evaluation_batches(source, size=8, channels=1, batch_size=100))
    assert {len(shard) for shard in shards} == {len(whole)} == {4}
    for number, batch in enumerate(whole):
        mask = np.concatenate([shard[number]["mask"] for shard in shards])
        np.testing.assert_array_equal(mask, batch["mask"])
        for name in ("image", "label"):
            together = np.concatenate([shard[number][name] for shard in shards])
            np.testing.assert_array_equal(together[mask == 1], batch[name][mask == 1])
    assert sum(batch["mask"].sum() for shard in shards for batch in shard) == 359
