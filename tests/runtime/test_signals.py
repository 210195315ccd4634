"""Signals where no training step can be finished first: at the start, and in evaluations."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.cli.main import main
from jaxcnn.reporting.progress import Plain
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.interrupt import Interrupts

ROOT = Path(__file__).parents[2]
WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
NOTE = " before the first step; nothing was lost."
TRAIN = ("--exp=lenet5_1998:modern", "--data=digits", "--seed=5")


def start(*arguments: str) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment["PYTHONPATH"] = str(ROOT)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *arguments], env=environment, **pipes)


@pytest.mark.parametrize(
    ("moment", "number", "arguments", "note"),
    [
        ("numpy", signal.SIGINT, TRAIN, ""),  # imports, ours not yet
        ("jaxcnn.errors", signal.SIGTERM, TRAIN, ""),
        ("orbax.checkpoint", signal.SIGTERM, TRAIN, NOTE),
        ("; compiling", signal.SIGTERM, TRAIN, NOTE),
        ("; compiling", signal.SIGINT, TRAIN, NOTE),
        ("jaxcnn.analysis.bench", signal.SIGTERM, ("bench", "--exp=lenet5_1998"), ""),
    ],
)
def test_a_signal_at_the_start_ends_the_process(moment, number, arguments, note):
    """Python tells of each import, so that the moments are the same on every machine."""
    process = start("-X", "importtime", str(ROOT / "launch.py"), *arguments)
    try:
        shown = ""
        for line in process.stderr:
            shown += line
            if line.rstrip().endswith((f" {moment}", moment)):
                process.send_signal(number)
                break
        output, notices = process.communicate(timeout=120)
    finally:
        process.kill()
    shown += notices
    assert (process.returncode, output) == (128 + number, ""), shown
    assert shown.endswith(f"launch.py: {WORDS[number]}{note}\n"), shown
    assert "Traceback" not in shown and "Exception ignored" not in shown


HUNG_UP = """
import os, signal, sys
from jaxcnn.runtime import signals

signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
signals.install()
os.kill(os.getpid(), getattr(signal, sys.argv[2]))
for _ in range(1000):
    pass
print("goes on")
"""


@pytest.mark.parametrize(
    ("before", "name", "expected"),
    [
        ("SIG_DFL", "SIGHUP", (129, "", "launch.py: ended by SIGHUP\n")),
        ("SIG_IGN", "SIGHUP", (0, "goes on\n", "")),  # as under nohup
        ("SIG_IGN", "SIGUSR1", (128 + signal.SIGUSR1, "", "launch.py: ended by SIGUSR1\n")),
    ],
)
def test_a_lost_terminal_and_a_schedulers_warning(before, name, expected):
    output, notices = (process := start("-c", HUNG_UP, before, name)).communicate(timeout=120)
    assert (process.returncode, output, notices) == expected


def test_machines_repeat_themselves_and_persons_insist(usual_handlers):
    """The kernel and the shell both tell of a lost terminal: that must not end the save that the first one began."""
    with Interrupts() as interrupts:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.poll() == signal.SIGHUP
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGHUP) == signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_a_programs_own_use_of_a_signal_stays(usual_handlers):
    """As of a cluster's library, which queues the job again."""
    told = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGHUP)
        assert (interrupts.poll(), told) == (None, [signal.SIGUSR1])


SWALLOWED = """
import gc, os, signal
from pathlib import Path
from jaxcnn.runtime import signals

def collected(phase, info):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass

signals.install()
signals.set_exit_note("; so it is.")
with signals.cleaning(Path("half").unlink), signals.cleaning(Path("nowhere").unlink):
    Path("half").touch()
    gc.callbacks.append(collected)
    gc.collect()
print("lost")
"""


def test_a_signal_in_a_callback_that_swallows_exceptions_isnt_lost(tmp_path):
    """And what is half done is removed, whatever else can't be."""
    output, notices = (process := start("-c", SWALLOWED)).communicate(timeout=120)
    assert (process.returncode, output, notices) == (143, "", "launch.py: terminated; so it is.\n")
    assert not (tmp_path / "half").exists()


BUSY = """
import hashlib, os, signal, threading
from jaxcnn.runtime import signals
from jaxcnn.runs.interrupt import Interrupts

signals.install()
with Interrupts() as interrupts:
    os.kill(os.getpid(), signal.SIGTERM)  # only noted, by both threads
    threading.Event().wait(2 * signals.PATIENCE_SECONDS)
    assert interrupts.received
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
print("lost")
"""


def test_a_signal_while_c_is_busy_ends_the_process():
    """Compiling, say: Python's handlers have to wait for it."""
    output, notices = (process := start("-c", BUSY)).communicate(timeout=120)
    assert (process.returncode, output, notices) == (130, "", "launch.py: interrupted\n")


PREPARING = """
import os, signal, sys
from pathlib import Path
from jaxcnn.runtime import signals
from jaxcnn.data.preparation.builders import writer
from jaxcnn.data.datasets import data_set

def records():
    yield 0, {"image": writer.png(__import__("numpy").zeros((28, 28, 1), "uint8")), "label": 0}
    assert [path for path in Path("data").rglob("incomplete*") if path.name != "incomplete.another_3.0.1"]
    os.kill(os.getpid(), signal.SIGINT)

signals.install()
content = writer.Content({"train": records, "test": records})
writer.write(data_set("mnist"), content, data_dir=Path("data"))
"""


def test_a_signal_while_a_data_set_is_written_leaves_nothing(tmp_path):
    others = tmp_path / "data" / "mnist" / "incomplete.another_3.0.1"  # another process's, that is still at work
    others.mkdir(parents=True)
    output, notices = (process := start("-c", PREPARING)).communicate(timeout=120)
    assert (process.returncode, output) == (130, ""), notices
    assert notices.endswith("launch.py: interrupted\n") and "Traceback" not in notices
    assert list((tmp_path / "data" / "mnist").iterdir()) == [others]


SETTINGS = ("batch_size=8", "evaluation_batch_size=40", "evaluate_every=0.0112")  # × 179 steps: after 2, 4 and 6


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The folder of a run that no signal comes to."""
    folder = tmp_path_factory.mktemp("runs") / "alone"
    experiment = jaxcnn.load("lenet5_1998:modern")
    jaxcnn.fit(experiment, workdir=folder, data="digits", steps=6, seed=5, settings=SETTINGS)
    return folder


def run(workdir: Path) -> int:
    settings = (f"--set={setting}" for setting in SETTINGS)
    return main([*TRAIN, *settings, "--json", f"--workdir={workdir}", "--steps=6"])


def log(workdir: Path) -> list[dict]:
    """What doesn't depend on the time."""
    events = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    kept = ("step", "event", "loss", "top1_error", "count")
    return [{name: event[name] for name in kept if name in event} for event in events if event["event"] != "compile"]


@pytest.mark.parametrize(
    ("stretch", "time", "number", "step", "then"),
    [
        ("evaluate", 2, signal.SIGTERM, 2, "goes on from there"),  # the first evaluation in training
        ("evaluate", 26, signal.SIGINT, 6, "evaluates"),  # the one after the last step
        ("center", 2, signal.SIGTERM, 6, "evaluates"),  # the final one
        ("train", 6, signal.SIGINT, 6, "evaluates"),  # the last step itself
        ("train", 3, signal.SIGHUP, 3, "goes on from there"),
        ("evaluate", 2, signal.SIGUSR1, 2, "goes on from there"),
    ],
)
def test_a_signal_in_training_or_an_evaluation_ends_the_run_after_a_batch(
    tmp_path, capsys, monkeypatch, alone, usual_handlers, stretch, time, number, step, then
):
    """The same command evaluates anew, and ends as a run that was left alone."""
    left, advance = time, Plain.advance

    def advancing(self, what, *arguments):
        nonlocal left
        advance(self, what, *arguments)
        left -= what == stretch
        if what == stretch and left == 0:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Plain, "advance", advancing)
    workdir = tmp_path / "run"
    assert run(workdir) == 128 + number
    shown = capsys.readouterr()
    last = shown.err.strip().splitlines()[-1]
    assert last == f"launch.py: {signal.Signals(number).name}: saved at step {step}; the same command {then}."
    assert shown.out == "" and "Traceback" not in shown.err
    assert Checkpoints(workdir).latest_step() == step and not (workdir / "summary.json").exists()
    assert run(workdir) == 0
    found, expected = (json.loads((folder / "summary.json").read_text()) for folder in (workdir, alone))
    for name in ("params_sha256", "evaluation", "train"):
        assert found[name] == expected[name]
    assert log(workdir) == log(alone)
