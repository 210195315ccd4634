"""Rehearsals as whole commands over several seeds: test errors, seconds, and the time to the first loss line.

    python benchmarks/rehearsals.py --results=runs/rehearsals.jsonl
    python benchmarks/rehearsals.py --experiments alexnet_2012 --seeds 0 1 2 --isa=AVX2 --results=runs/rehearsals.jsonl

Each run is `launch.py --exp=NAME --seed=N` with an empty data folder and without network. Its result is a line of the
results file; a run that stands there, of the same recipe, isn't repeated. The first run of an experiment begins with an
empty cache of compiled programs, as a newcomer's does; its first loss line is the one that counts. The status is 1
where a target is missed or a run fails.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

import jaxcnn
from jaxcnn.config.serialize import to_json
from jaxcnn.data.loading.pipeline import cores
from jaxcnn.errors import RunStoppedError

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
FIRST_LOSS_SECONDS = 30.0
LOSS_LINE = re.compile(r"^train [\d,]+/.*\bloss ")  # of `reporting.progress.Plain`

Outcome = dict[str, Any]  # a line of the results file


class Target(NamedTuple):
    """What a rehearsal must reach: the worst seed's test error, percent (None: no figure), and the seconds of a run."""

    error: float | None
    seconds: float
    seeds: int


TARGETS: Mapping[str, Target] = {
    "alexnet_2012": Target(40.0, 180.0, 10),
    "nin_2013": Target(40.0, 180.0, 10),
    "googlenet_2014": Target(40.0, 180.0, 5),
    "vgg_2014:A": Target(30.0, 180.0, 5),
    "resnet_2015:18": Target(30.0, 180.0, 5),
    "resnet_cifar_2015:20": Target(30.0, 180.0, 5),
    "lenet5_1998": Target(9.0, 180.0, 10),
    "vgg_2014": Target(None, 360.0, 1),
    "resnet_2015": Target(None, 360.0, 1),
}
OTHER = Target(None, 360.0, 1)  # of experiments and variants that are named on the command line only


def recipe(title: str) -> str:
    """A short hash of the rehearsal's overrides: results of another recipe don't count."""
    rehearsal = jaxcnn.load(title).rehearsal
    assert rehearsal is not None, f"{title} has no rehearsal"
    written = json.dumps([rehearsal.data, to_json(rehearsal.overrides)])
    return hashlib.sha256(written.encode()).hexdigest()[:8]


def processor() -> str:
    """The processor's name, as Linux gives it, and the number of its cores that this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else []
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores()} cores"


def widest_vectors() -> str:
    """The widest vector instructions of this processor, by the name that `--isa` takes."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    return next((name for flag, name in (("avx512f", "AVX512"), ("avx2", "AVX2")) if flag in text), platform.machine())


def environment(folder: Path, isa: str | None) -> dict[str, str]:
    """Of a command: no data, no network, a cache of its own in `folder`, and no wider vectors than `isa`."""
    nowhere = "http://127.0.0.1:9"  # the discard port: a connection is refused at once
    proxies = {name: nowhere for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    flags = os.environ.get("XLA_FLAGS", "") + (f" --xla_cpu_max_isa={isa}" if isa else "")
    return {
        **os.environ,
        **proxies,
        "TFDS_DATA_DIR": str(folder / "no_data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XLA_FLAGS": flags.strip(),
    }


def rehearse(title: str, seed: int, isa: str | None, folder: Path) -> Outcome:
    """Runs one rehearsal in `folder`, where the cache of compiled programs is kept between runs.

    Raises:
      SystemExit: the command trained on the paper's data instead, or ended otherwise than by a loss that isn't finite.
    """
    warm = (folder / "cache").exists()
    workdir = folder / f"run-{seed}"
    command = [sys.executable, "launch.py", f"--exp={title}", f"--seed={seed}", f"--workdir={workdir}"]
    began, first_loss, last = time.monotonic(), None, ""
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=environment(folder, isa),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            last = line.strip() or last
            if first_loss is None and LOSS_LINE.match(line):
                first_loss = time.monotonic() - began
    if process.returncode not in (0, RunStoppedError.exit_status):
        raise SystemExit(f"{' '.join(command[1:])} ended with status {process.returncode}: {last}")
    outcome: Outcome = {
        **{"experiment": title, "seed": seed, "isa": isa or widest_vectors(), "recipe": recipe(title)},
        **{"status": process.returncode, "test_error": None, "seconds": time.monotonic() - began},
        **{"first_loss_seconds": first_loss, "warm_cache": warm, "processor": processor()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
    if process.returncode:
        return outcome | {"failure": last}
    summary = json.loads((workdir / "summary.json").read_text())
    if not summary["rehearsal"]:
        raise SystemExit(f"{title} trained on {summary['data']}, which is no rehearsal: its data could be had.")
    error = next(iter(summary["evaluation"].values()))["top1_error"]
    return outcome | {"test_error": error, "train_error": summary["train"].get("top1_error")}


def key(outcome: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two runs the same."""
    return tuple(outcome[name] for name in ("experiment", "seed", "isa", "recipe"))


def read(path: Path) -> list[Outcome]:
    """The outcomes so far; none where there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run_all(titles: Sequence[str], seeds: Sequence[int] | None, isa: str | None, results: Path) -> list[Outcome]:
    """Runs what isn't in the file yet, and adds it; the outcomes of all that was asked for."""
    wanted = []
    for title in titles:
        with tempfile.TemporaryDirectory(prefix="rehearsals-") as folder:
            for seed in seeds if seeds is not None else range(TARGETS.get(title, OTHER).seeds):
                this = title, seed, isa or widest_vectors(), recipe(title)
                wanted.append(this)
                if this in map(key, read(results)):
                    continue
                outcome = rehearse(title, seed, isa, Path(folder))
                results.parent.mkdir(parents=True, exist_ok=True)
                with results.open("a") as file:
                    file.write(json.dumps(outcome) + "\n")
                said = outcome.get("failure") or f"{outcome['test_error']:.1f} % test error"
                print(f"{title}, seed {seed}: {said}, {outcome['seconds']:.0f} s", file=sys.stderr, flush=True)
    return [outcome for outcome in read(results) if key(outcome) in wanted]


def misses(title: str, outcomes: Sequence[Outcome]) -> list[str]:
    """What an experiment's runs miss of its target, in words; empty where they miss nothing."""
    target = TARGETS.get(title, OTHER)
    found = [f"seed {outcome['seed']}: {outcome['failure']}" for outcome in outcomes if outcome["status"]]
    errors = [outcome["test_error"] for outcome in outcomes if not outcome["status"]]
    if target.error is not None and errors and max(errors) > target.error:
        found.append(f"the worst test error is {max(errors):.1f} %, not at most {target.error:g} %")
    seconds = statistics.median(outcome["seconds"] for outcome in outcomes)
    if seconds > target.seconds:
        found.append(f"a run takes {seconds:.0f} s, not at most {target.seconds:.0f} s")
    first = first_loss(outcomes)
    if first is not None and first > FIRST_LOSS_SECONDS:
        found.append(f"the first loss line comes after {first:.0f} s, not {FIRST_LOSS_SECONDS:.0f} s")
    return found


def first_loss(outcomes: Sequence[Outcome]) -> float | None:
    """Seconds to the first loss line with an empty cache; None where no such run is among them."""
    cold = [outcome["first_loss_seconds"] for outcome in outcomes if not outcome["warm_cache"]]
    return max((seconds for seconds in cold if seconds is not None), default=None)


def grouped(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], list[Outcome]]:
    """(experiment, vector instructions) → its runs, in the order in which they come first."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome["experiment"], outcome["isa"]), []).append(outcome)
    return groups


def table(outcomes: Sequence[Outcome]) -> Table:
    """Test errors in percent and seconds, a line for each experiment and vector width."""
    shown = Table("rehearsal", "vectors", "n", "mean", "worst", "best", "at most", "seconds", "first loss, s")
    for (title, isa), runs in grouped(outcomes).items():
        errors = [run["test_error"] for run in runs if not run["status"]]
        numbers = (
            (f"{statistics.mean(errors):.1f}", f"{max(errors):.1f}", f"{min(errors):.1f}") if errors else ("–",) * 3
        )
        target, first = TARGETS.get(title, OTHER).error, first_loss(runs)
        failed = sum(run["status"] != 0 for run in runs)
        shown.add_row(
            title,
            isa,
            f"{len(runs)}" + (f", {failed} failed" if failed else ""),
            *numbers,
            "–" if target is None else f"{target:g}",
            f"{statistics.median(run['seconds'] for run in runs):.0f}",
            "–" if first is None else f"{first:.0f}",
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Rehearsals over several seeds.", allow_abbrev=False)
    parser.add_argument("--experiments", nargs="+", default=list(TARGETS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", help="by default from 0, as many as stand in TARGETS")
    parser.add_argument("--isa", help="the widest vector instructions that XLA may use, as AVX2; by default all")
    parser.add_argument("--results", type=Path, default=Path("runs/rehearsals.jsonl"), help="JSON lines")
    flags = parser.parse_args(arguments)
    outcomes = run_all(flags.experiments, flags.seeds, flags.isa, flags.results)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table(outcomes))
    for described in sorted({f"{each['processor']}; {each['versions']}" for each in outcomes}):
        console.print(described, markup=False, highlight=False)
    missed = [
        f"{title} ({isa}): {what}" for (title, isa), runs in grouped(outcomes).items() for what in misses(title, runs)
    ]
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
