"""Whole train steps, evaluation and ten crops: ours against torch and against plain Flax, on the same cores.

    python benchmarks/train_step.py                                      # seven networks, hours on one core
    python benchmarks/train_step.py --networks=lenet5,resnet20 --threads=1

A train step is forward, backward and the momentum update, with the loss and the decay of the network's experiment,
on made-up pictures. Ours is the step of `launch.py`, which also turns uint8 into float32 and counts errors; it runs
without augmentation and Polyak averaging here, as the others have none. torch runs NCHW, channels-last and under
`torch.compile`, with the fused SGD; ours is compared with the quickest of the three. "plain Flax" is the same network
by Linen's layers and optax under `jax.jit` with JAX's defaults. `evaluation` gives the logits of one crop, `ten_crop`
averages AlexNet's ten.

All have the same weights and batches. First they take `--check-steps` steps, and the losses of the first and the last
are compared: without dropout. Then they take turns in one process, on the same threads (the cores that it may use),
whose memory comes in large pages, as under `launch.py`: torch gains from that too.
Memory and the time to the first step (from the start of Python) are of a process that has one contender alone.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from benchmarks.timing import disagreement, ratio
from benchmarks.train_step_table import show
from benchmarks.worker import CLOCKS, CONTENDERS, TORCH
from benchmarks.workload import Workload
from benchmarks.workloads import NETWORKS, make_workload
from jaxcnn.cli.flags import Parser, positive
from jaxcnn.errors import JaxcnnError, UsageError, nearest
from jaxcnn.runtime import host_memory

JOBS = ("train", "evaluation", "ten_crop")
TOLERANCE = 1e-3  # of a loss, relative
PACKAGES = ("jax", "jaxlib", "flax", "optax", "torch")
WORKER = Path(__file__).with_name("worker.py")


def choose(flag: str, text: str | None, allowed: tuple[str, ...]) -> list[str]:
    """A comma-separated choice; None: all. Raises UsageError."""
    chosen = list(allowed) if text is None else text.split(",")
    for word in chosen:
        if word not in allowed:
            raise UsageError(f"{flag}: there is no {word!r}; {nearest(word, list(allowed))}")
    return chosen


def check_torch(contenders: list[str]) -> None:
    """Raises UsageError where torch is asked for and isn't there."""
    if set(contenders) & set(TORCH) and importlib.util.find_spec("torch") is None:
        raise UsageError("torch isn't installed: pip install 'jaxcnn[bench]', or --contenders='ours,plain Flax'.")


def limit_threads(asked: int | None) -> int:
    """How many threads everybody gets; this process and what it starts keep to as many cores.

    Raises:
      UsageError: there are fewer cores, or the system can't keep a process to some of them.
    """
    if not hasattr(os, "sched_setaffinity"):
        if asked is not None:
            raise UsageError("--threads needs Linux, where a process can be kept to some of the cores.")
        return os.cpu_count() or 1
    cores = sorted(os.sched_getaffinity(0))
    if asked is not None and asked > len(cores):
        raise UsageError(f"--threads (={asked}) must be at most {len(cores)}, the cores that this process may use.")
    if asked is not None:
        os.sched_setaffinity(0, cores[:asked])
    return asked or len(cores)


def start(asked: dict[str, Any]) -> dict[str, Any]:
    """What `heat` answers, in a process of its own. Raises JaxcnnError."""
    asked = asked | {"started": time.time()}
    # As `launch.py` starts itself; torch beside us has its memory in large pages too, alone it has its own ways.
    environment = os.environ | (host_memory.settings() if "ours" in asked["contenders"] else {})
    command = [sys.executable, str(WORKER), json.dumps(asked)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=environment)
    if done.returncode:
        raise JaxcnnError(f"{asked['task']['name']}, {asked['job']}: the process ended with {done.returncode}.")
    return json.loads(done.stdout)


def measure(task: Workload, job: str, asked: dict[str, Any], *, costs: bool) -> dict[str, Any]:
    """All of one network and job."""
    asked = asked | {"task": dataclasses.asdict(task), "job": job}
    if job != "train":
        asked["check_steps"] = min(asked["check_steps"], 1)
    found = start(asked)
    seconds = found["seconds"]
    answer = {
        "network": task.name,
        "experiment": NETWORKS[task.name].title,
        "job": job,
        "batch_size": task.batch_size,
        "size": task.size,
        "steps_of_a_turn": found["steps"],
        "results": found["results"],
        "against_torch": ratio(seconds, "ours", list(TORCH)),
        "against_plain_flax": ratio(seconds, "ours", ["plain Flax"]),
        "losses": found["losses"],
        "largest_difference": disagreement(found["losses"], "ours") if found["losses"] else None,
        "compile_seconds": found["compile_seconds"],
        "failed": found["failed"],
    }
    if costs and job == "train":
        few = asked | {"repeats": 1, "steps": 1, "check_steps": 0}
        alone = {name: start(few | {"contenders": [name]}) for name in found["results"]}
        answer["peak_bytes"] = {name: each["peak_bytes"] for name, each in alone.items()}
        answer["first_step_seconds"] = {name: each["first_step_seconds"] for name, each in alone.items()}
    return answer


def parser() -> Parser:
    made = Parser(prog="train_step.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number, names = positive(int), ",".join
    made.add_argument("--networks", metavar="A,B", help=f"of {names(NETWORKS)}; default: all")
    made.add_argument("--jobs", metavar="A,B", help=f"of {names(JOBS)}; default: all; ten crops are AlexNet's")
    made.add_argument("--contenders", metavar="A,B", help=f"of {names(CONTENDERS)}; ours always is; default: all")
    made.add_argument("--repeats", metavar="N", type=number, default=5, help="rounds, after a warm-up")
    made.add_argument("--steps", metavar="N", type=number, help="of a turn; default: for 0.3 seconds")
    made.add_argument("--batch-size", metavar="N", type=number)
    made.add_argument("--size", metavar="PIXELS", type=number, help="default: the paper's")
    made.add_argument("--threads", metavar="N", type=number, help="default: the cores that this process may use")
    made.add_argument("--clock", choices=list(CLOCKS), default="wall", help="processor: of one core that is shared")
    made.add_argument("--dropout", action="store_true", help="as the recipe has it; then losses aren't compared")
    made.add_argument("--check-steps", metavar="N", type=number, default=20)
    made.add_argument("--no-costs", action="store_true", help="without memory and time to the first step")
    made.add_argument("--smoke", action="store_true", help="small pictures, batches of 2, one round: does it run?")
    made.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return made


def run(arguments: list[str] | None) -> int:
    """The exit status: 1 where somebody's losses aren't ours."""
    flags = parser().parse_args(arguments)
    chosen = choose("--networks", flags.networks, tuple(NETWORKS))
    jobs = choose("--jobs", flags.jobs, JOBS)
    contenders = choose("--contenders", flags.contenders, CONTENDERS)
    contenders = ["ours", *(name for name in contenders if name != "ours")]
    check_torch(contenders)
    work = [(name, job) for name in chosen for job in jobs if job != "ten_crop" or name == "alexnet"]
    if not work:
        raise UsageError("--jobs=ten_crop is measured for --networks=alexnet alone.")
    threads = limit_threads(flags.threads)
    if flags.clock == "processor" and threads > 1:
        raise UsageError("--clock=processor adds up all threads' time; use it with --threads=1.")
    asked = {
        "contenders": contenders,
        "threads": threads,
        "repeats": 1 if flags.smoke else flags.repeats,
        "steps": 1 if flags.smoke else flags.steps,
        "check_steps": 0 if flags.dropout else flags.check_steps,
        "clock": flags.clock,
    }
    measured = []
    for name, job in work:
        small = {"size": NETWORKS[name].small, "batch_size": 2} if flags.smoke else {}
        given = {"size": flags.size, "batch_size": flags.batch_size}
        task = make_workload(
            name, drop=flags.dropout, **(small | {key: value for key, value in given.items() if value})
        )
        print(f"{name}, {job} …", file=sys.stderr)
        measured.append(measure(task, job, asked, costs=not flags.no_costs))
    wrong = [
        f"{each['network']}, {each['job']}: {name} by {value:.1e}"
        for each in measured
        for name, value in (each["largest_difference"] or {}).items()
        if not value <= TOLERANCE
    ]
    answer = {
        "threads": threads,
        "clock": flags.clock,
        "repeats": asked["repeats"],
        "dropout": flags.dropout,
        "measured": measured,
        "losses_differ": wrong,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages(contenders)}},
    }
    if flags.json:
        print(json.dumps(answer, indent=2))
    else:
        show(answer)
    return 1 if wrong else 0


def packages(contenders: list[str]) -> list[str]:
    return [name for name in PACKAGES if name != "torch" or set(contenders) & set(TORCH)]


def main(arguments: list[str] | None = None) -> int:
    try:
        return run(arguments)
    except JaxcnnError as error:
        print(f"train_step.py: {error}", file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
