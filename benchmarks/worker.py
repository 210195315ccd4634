"""One network's contenders in one process: they take turns, or one of them is alone and its memory is measured.

`train_step.py` starts it, with what to do as JSON in the first argument; it answers in JSON.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from benchmarks.timing import Clock, Runner, losses, summary, turns
from benchmarks.workload import Workload

TORCH: dict[str, dict[str, bool]] = {
    "torch NCHW": {},
    "torch channels-last": {"channels_last": True},
    "torch.compile": {"compiled": True, "channels_last": True},
}
CONTENDERS = ("ours", *TORCH, "plain Flax")
WITHOUT = "ours without "  # a kernel, or "all" of them
WARM_UP = 5.0  # seconds
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}


def make(name: str, task: Workload, job: str, clock: Clock, threads: int) -> Runner:
    """A contender, ready to run; it imports what it needs and no more."""
    if name == "ours":
        from benchmarks.runner_ours import ours

        return ours(task, job, clock)
    if name.startswith(WITHOUT):
        from benchmarks.runner_ours import ours_without

        return ours_without(name.removeprefix(WITHOUT), task, job, clock)
    if name == "plain Flax":
        from benchmarks.runner_flax import plain_flax

        return plain_flax(task, job, clock)
    import torch

    from benchmarks.runner_torch import torch_runner

    torch.set_num_threads(threads)
    return torch_runner(task, job, clock, **TORCH[name])


def measure(asked: dict[str, Any], began: float | None = None) -> dict[str, Any]:
    """Losses, and times of `repeats` rounds.

    Args:
      asked: {"task": the fields of a Task, "job", "contenders", "threads", "repeats", "steps" (of a turn, or None),
        "check_steps" (0: losses aren't compared), "clock"}.
      began: with one contender alone: when its process was started, by this clock.

    Returns:
      {"compile_seconds", "losses", "steps", "results", "failed": {name: why}, "first_step_seconds", "peak_bytes"}.
    """
    task, clock = Workload(**asked["task"]), CLOCKS[asked["clock"]]
    if {"ours", "plain Flax"} <= set(asked["contenders"]):
        from benchmarks.runner_ours import as_without_jaxcnn

        as_without_jaxcnn()
    runners, failed = {}, {}
    for name in asked["contenders"]:
        try:
            runners[name] = make(name, task, asked["job"], clock, asked["threads"])
        except Exception as error:
            if name != "torch.compile":
                raise
            failed[name] = f"{type(error).__name__}: {(str(error).strip() or '?').splitlines()[0]}"
    first = None
    if began is not None:
        next(iter(runners.values())).run(0)
        first = clock() - began
    found = losses(runners, asked["check_steps"]) if asked["check_steps"] else None
    warm_up = WARM_UP if asked["repeats"] > 1 else 0.0
    steps, seconds = turns(runners, repeats=asked["repeats"], clock=clock, steps=asked["steps"], warm_up=warm_up)
    from jaxcnn.runtime.process_memory import peak_bytes  # at the end: importing jaxcnn sets a flag of XLA's

    return {
        "compile_seconds": {name: runner.compile_seconds for name, runner in runners.items()},
        "losses": found,
        "steps": steps,
        "results": summary(seconds, task.batch_size),
        "seconds": seconds,
        "failed": failed,
        "first_step_seconds": first,
        "peak_bytes": peak_bytes(),
    }


def main() -> None:
    asked = json.loads(sys.argv[1])
    if "ours" in asked["contenders"]:  # as `launch.py` does where there are no large pages
        from jaxcnn.runtime.host_memory import keep_freed_memory

        keep_freed_memory()
    alone = len(asked["contenders"]) == 1
    # Both clocks reach back to before this process began: processor time counts from there.
    began = (0.0 if asked["clock"] == "processor" else time.perf_counter() - (time.time() - asked["started"])) * alone
    answer = os.dup(1)
    os.dup2(2, 1)  # compilers print what they like
    found = measure(asked, began if alone else None)
    with os.fdopen(answer, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
