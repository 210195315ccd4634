"""Whole runs in processes of their own, ended by real signals; on one CPU device.

One run is left alone. Another one, of the same command, is killed, terminated, interrupted, and has to end with
the same parameters.
"""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from jaxcnn.cli.main import main

ROOT = Path(__file__).parents[2]
STEPS, EVERY = 300, 30
COMMAND = (
    *("--exp=lenet5_1998", "--data=digits", "--json", "--seed=5"),
    *("--set=batch_size=8", f"--set=checkpoint_every={EVERY}"),
)


class Launch:
    """Starts `launch.py` as a user would, with one device, and without the tests' own settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unset = {"XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_ENABLE_X64"}
        self.environment = {name: value for name, value in os.environ.items() if name not in unset} | {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "TFDS_DATA_DIR": str(folder / "data"),
        }

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "launch.py"), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Ended(NamedTuple):
    status: int
    output: str
    notices: str
    events: list[dict]  # in metrics.jsonl when it had ended

    @property
    def saved(self) -> int:
        return int(re.findall(r"saved at step ([\d,]+)", self.notices)[0].replace(",", ""))


def events_in(workdir: Path) -> list[dict]:
    path = workdir / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def run(launcher: Launch, workdir: Path, *, number: int | None = None, at: int = 0) -> Ended:
    """Runs to the end, or sends signal `number` once step `at` is in the log."""
    process = launcher.start(*COMMAND, f"--workdir={workdir}", f"--steps={STEPS}")
    try:
        while number and process.poll() is None:
            if any(event["event"] == "train" and event["step"] >= at for event in events_in(workdir)):
                process.send_signal(number)
                break
            time.sleep(0.005)
        output, notices = process.communicate(timeout=300)
    finally:
        process.kill()
    return Ended(process.returncode, output, notices, events_in(workdir))


@pytest.fixture(scope="module")
def launcher(tmp_path_factory) -> Launch:
    return Launch(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def alone(launcher) -> tuple[Path, Ended]:
    workdir = launcher.folder / "alone"
    return workdir, run(launcher, workdir)


@pytest.fixture(scope="module")
def troubled(launcher, alone) -> tuple[Path, dict[str, Ended]]:
    """After `alone`, so that everything is compiled and a run isn't over before its signal comes."""
    workdir, chance = launcher.folder / "troubled", random.Random(0)
    return workdir, {
        "killed": run(launcher, workdir, number=signal.SIGKILL, at=chance.randint(1, 70)),
        "terminated": run(launcher, workdir, number=signal.SIGTERM, at=chance.randint(90, 150)),
        "interrupted": run(launcher, workdir, number=signal.SIGINT, at=chance.randint(170, 230)),
        "finished": run(launcher, workdir),
    }


def test_exit_statuses(alone, troubled):
    statuses = {name: ended.status for name, ended in troubled[1].items()}
    assert statuses == {"killed": -9, "terminated": 143, "interrupted": 130, "finished": 0}, troubled
    assert alone[1].status == 0


def test_the_parameters_are_those_of_an_uninterrupted_run(alone, troubled):
    expected, found = (json.loads(ended.output) for ended in (alone[1], troubled[1]["finished"]))
    assert found["params_sha256"] == expected["params_sha256"]
    assert found["evaluation"] == expected["evaluation"] and found["train"] == expected["train"]
    assert found["steps"] == STEPS


def test_every_start_goes_on_where_the_last_one_was_saved(troubled):
    runs = troubled[1]
    resumed = {name: re.findall(r"resuming at step (\d+)", ended.notices) for name, ended in runs.items()}
    assert resumed["killed"] == []
    begun = int(resumed["terminated"][0]) if resumed["terminated"] else 0
    last_logged = max(event["step"] for event in runs["killed"].events)
    assert begun % EVERY == 0 and last_logged - 3 * EVERY <= begun <= last_logged + 1
    assert resumed["interrupted"] == [str(runs["terminated"].saved)]  # saved by the signal, at whatever step
    assert resumed["finished"] == [str(runs["interrupted"].saved)]


def test_a_signal_is_reported_in_one_line_without_traceback(troubled):
    for name, word in (("terminated", "SIGTERM"), ("interrupted", "SIGINT")):
        last = troubled[1][name].notices.strip().split("\n")[-1]
        assert re.fullmatch(rf"launch\.py: {word}: saved at step [\d,]+; the same command goes on from there\.", last)
        assert "Traceback" not in troubled[1][name].notices and troubled[1][name].output == ""


def test_no_step_is_logged_twice(alone, troubled):
    """The log of the troubled run is that of the other, but for times and for what each start says of itself."""
    logs = []
    for workdir in (alone[0], troubled[0]):
        events = [event for event in events_in(workdir) if event["event"] in ("train", "evaluation")]
        steps = Counter((event["step"], event["event"]) for event in events)
        assert set(steps.values()) == {1}
        assert [event["step"] for event in events] == sorted(event["step"] for event in events)
        timed = ("images_per_second", "step_ms", "waiting_ms", "transfer_ms", "compute_ms")
        logs.append([{name: value for name, value in e.items() if name not in timed} for e in events])
    assert logs[0] == logs[1]


def test_events_have_what_the_command_line_promises(alone):
    events = events_in(alone[0])
    assert {"train", "evaluation"} <= {event["event"] for event in events}
    assert all(type(event["step"]) is int and 0 <= event["step"] <= STEPS for event in events)
    for event in events:
        if event["event"] == "train":
            assert {"loss", "top1_error", "top5_error", "count", "rate", "images_per_second"} <= event.keys()
            parts = event["waiting_ms"], event["transfer_ms"], event["compute_ms"]
            assert min(parts) >= 0 and sum(parts) == pytest.approx(event["step_ms"])
    counted = sum(event["count"] for event in events if event["event"] == "train")
    assert counted == STEPS * 8  # every example of every step, once


def test_summary(alone):
    workdir, ended = alone
    summary = json.loads((workdir / "summary.json").read_text())
    assert summary == json.loads(ended.output)
    expected = {"experiment", "variant", "data", "rehearsal", "steps", "examples", "seconds", "train", "evaluation"}
    assert expected | {"paper", "params_sha256"} <= summary.keys()
    assert (summary["experiment"], summary["variant"], summary["data"]) == ("lenet5_1998", "paper", "digits")
    assert (summary["rehearsal"], summary["steps"], summary["examples"]) == (False, STEPS, 8 * STEPS)
    assert re.fullmatch("[0-9a-f]{64}", summary["params_sha256"]) and summary["seconds"] > 0
    for metrics in summary["evaluation"].values():
        assert metrics["count"] == 359  # digits' test pictures
        errors = metrics["top1_error"], metrics["top5_error"]
        assert 0 <= errors[1] <= errors[0] <= 100
        assert all(round(error * 3.59, 6).is_integer() for error in errors)  # percent of 359 pictures


def test_experiment_json(alone):
    content = json.loads((alone[0] / "experiment.json").read_text())
    assert content.keys() == {"experiment", "versions", "commit"}
    resolved = content["experiment"]
    assert (resolved["name"], resolved["variant"], resolved["seed"]) == ("lenet5_1998", "paper", 5)
    assert resolved["data"] == "digits" and resolved["batch_size"] == 8
    assert resolved["model"]["type"] == "LeNet5" and resolved["model"]["num_classes"] == 10
    assert {"python", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint"} <= content["versions"].keys()


def test_the_folder(alone):
    names = {path.name for path in alone[0].iterdir()}
    assert {"experiment.json", "metrics.jsonl", "checkpoints", "summary.json"} <= names
    assert any(name.startswith("events.out.tfevents.") for name in names)
    assert not [name for name in names if name.endswith(".part")]
    assert str(STEPS) in {path.name for path in (alone[0] / "checkpoints").iterdir()}


def test_a_finished_run_shows_its_summary_again(launcher, alone, capsys, monkeypatch):
    workdir, ended = alone
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(launcher.folder / "compiled"))
    before = {path: path.stat().st_mtime_ns for path in sorted(workdir.rglob("*"))}
    assert main([*COMMAND, f"--workdir={workdir}", f"--steps={STEPS}"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads(ended.output)
    assert shown.err == f"{workdir} is finished: {STEPS} steps\n"
    assert {path: path.stat().st_mtime_ns for path in sorted(workdir.rglob("*"))} == before


def test_a_quiet_run_says_little_and_no_warning(alone):
    lines = alone[1].notices.strip().split("\n")
    assert lines[0] == "lenet5_1998:paper on digits: 1,438 + 359 images, 300 steps of 8, 1 × cpu; compiling"
    assert all(line.startswith(("train ", "step ", "evaluate ")) for line in lines[1:]), alone[1].notices


def wait_for_step(process: subprocess.Popen, workdir: Path, step: int) -> None:
    while process.poll() is None and not any(event["step"] >= step for event in events_in(workdir)):
        time.sleep(0.003)


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(10))
def test_stopped_continued_and_terminated_it_saves(launcher, alone, repetition):
    """As Ctrl-Z, `fg` and a machine's shutdown do, at random moments and in quick succession."""
    workdir, chance = launcher.folder / f"stopped-{repetition}", random.Random(repetition)
    process = launcher.start(*COMMAND, f"--workdir={workdir}", "--steps=100000")
    try:
        wait_for_step(process, workdir, chance.randint(0, 300))
        time.sleep(chance.uniform(0, 0.1))
        for _ in range(chance.choice((1, 2, 5))):
            process.send_signal(signal.SIGTSTP)
            time.sleep(chance.choice((0, 0.01, 1)))
            process.send_signal(signal.SIGCONT)
            time.sleep(chance.choice((0, 0.01)))
        process.send_signal(signal.SIGTERM)
        output, notices = process.communicate(timeout=300)
    finally:
        process.kill()
    assert (process.returncode, output) == (128 + signal.SIGTERM, ""), notices
    if not notices.endswith(" before the first step; nothing was lost.\n"):
        saved = Ended(process.returncode, output, notices, []).saved
        assert (workdir / "checkpoints" / str(saved)).is_dir()


@pytest.mark.slow
def test_a_lost_connection_saves(launcher, alone):
    """The terminal is gone: the kernel sends SIGHUP, and what is shown from then on fails."""
    workdir = launcher.folder / "lost"
    ours, theirs = os.openpty()
    # The terminal becomes the new session's own, as sshd sees to; `nohup` around the tests must not count.
    own = "import fcntl, os, signal, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); " + (
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", own, str(ROOT / "launch.py"), *COMMAND, f"--workdir={workdir}", "--steps=100000"],
        cwd=launcher.folder,
        env=launcher.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        threading.Thread(target=drain, args=(ours, process, workdir), daemon=True).start()
        assert process.wait(timeout=300) == 128 + signal.SIGHUP
    finally:
        process.kill()
    saved = max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    assert saved >= max(event["step"] for event in events_in(workdir))


def drain(terminal: int, process: subprocess.Popen, workdir: Path) -> None:
    """Reads what is shown, as a terminal does, until some steps are made; then it's gone."""
    while process.poll() is None and not any(event["step"] >= 100 for event in events_in(workdir)):
        with contextlib.suppress(OSError):  # the process ended
            os.read(terminal, 65536)
    os.close(terminal)
