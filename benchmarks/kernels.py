"""Whether each kernel of `jaxcnn.models.kernels` still pays: train steps without it, beside the default.

    python benchmarks/kernels.py --networks=lenet5,resnet20 --threads=1
    python benchmarks/kernels.py --networks=alexnet --kernels=dense,max_pool

For each network our train step is compiled with all kernels, with one of them disabled at a time, and with none. They
take turns in one process, as in `train_step.py`, whose losses are compared in the same way. A kernel that the network
doesn't take makes no difference: its ratio is 1 up to noise. A ratio of 1.2 says that the step takes 1.2 times as long
without the kernel; where it stays at 1 or below on the networks that take it, the kernel can go.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from rich.console import Console
from rich.table import Table

from benchmarks.timing import disagreement, ratio
from benchmarks.train_step import TOLERANCE, choose, limit_threads, start
from benchmarks.worker import CLOCKS, WITHOUT
from benchmarks.workloads import NETWORKS, make_workload
from jaxcnn.cli.flags import Parser, positive
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.models.kernels.backend import KERNELS

ALL = "all"  # as `runner_ours.ours_without` takes it


def measure(network: str, kernels: list[str], asked: dict[str, Any], **small: int) -> dict[str, Any]:
    """{"network", "without": {kernel: step time without it ÷ with all, as `ratio` has it}, "losses_differ"}."""
    contenders = {kernel: WITHOUT + kernel for kernel in kernels}
    task = dataclasses.asdict(make_workload(network, **small))
    found = start(asked | {"task": task, "job": "train", "contenders": ["ours", *contenders.values()]})
    differ = disagreement(found["losses"], "ours")
    return {
        "network": network,
        "without": {kernel: ratio(found["seconds"], "ours", [name]) for kernel, name in contenders.items()},
        "losses_differ": {kernel: differ[name] for kernel, name in contenders.items() if differ[name] > TOLERANCE},
    }


def show(measured: list[dict[str, Any]], console: Console | None = None) -> None:
    """A row for each kernel, a column for each network."""
    out = console or Console(width=150, highlight=False, markup=False)
    table = Table("without", *(each["network"] for each in measured))
    for kernel in measured[0]["without"]:
        ratios = (each["without"][kernel] for each in measured)
        table.add_row(kernel, *(f"{each['median']:.2f} ({each['low']:.2f}–{each['high']:.2f})" for each in ratios))
    out.print("Time of a train step without a kernel ÷ with all: median (lowest–highest)")
    out.print(table)
    for each in measured:
        for kernel, value in each["losses_differ"].items():
            out.print(f"Losses differ: {each['network']} without {kernel} by {value:.1e}")


def parser() -> Parser:
    made = Parser(prog="kernels.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number, names = positive(int), ",".join
    made.add_argument("--networks", metavar="A,B", help=f"of {names(NETWORKS)}; default: all")
    made.add_argument("--kernels", metavar="A,B", help=f"of {names((*KERNELS, ALL))}; default: each of them")
    made.add_argument("--repeats", metavar="N", type=number, default=5, help="rounds, after a warm-up")
    made.add_argument("--threads", metavar="N", type=number, help="default: the cores that this process may use")
    made.add_argument("--clock", choices=list(CLOCKS), default="wall", help="processor: of one core that is shared")
    made.add_argument("--smoke", action="store_true", help="small images, batches of 2, one round: does it run?")
    made.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return made


def run(arguments: list[str] | None) -> int:
    """The exit status: 1 where the losses without a kernel are others."""
    flags = parser().parse_args(arguments)
    networks = choose("--networks", flags.networks, tuple(NETWORKS))
    kernels = choose("--kernels", flags.kernels, (*KERNELS, ALL))
    threads = limit_threads(flags.threads)
    if flags.clock == "processor" and threads > 1:
        raise UsageError("--clock=processor adds up all threads' time; use it with --threads=1.")
    asked = {"threads": threads, "clock": flags.clock, "check_steps": 20}
    asked |= {"repeats": 1, "steps": 1} if flags.smoke else {"repeats": flags.repeats, "steps": None}
    measured = []
    for name in networks:
        print(f"{name} …", file=sys.stderr)
        small = {"size": NETWORKS[name].small, "batch_size": 2} if flags.smoke else {}
        measured.append(measure(name, kernels, asked, **small))
    if flags.json:
        print(json.dumps({"threads": threads, "clock": flags.clock, "measured": measured}, indent=2))
    else:
        show(measured)
    return 1 if any(each["losses_differ"] for each in measured) else 0


def main(arguments: list[str] | None = None) -> int:
    try:
        return run(arguments)
    except JaxcnnError as error:
        print(f"kernels.py: {error}", file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
