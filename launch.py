"""The command line: `python launch.py --exp=alexnet_2012`. Parses flags, loads the experiment, calls one job."""

import argparse
import contextlib
import difflib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple


def end_at_once(number: int, frame: object) -> None:
    """A signal during the imports, before `jaxcnn.ending` is there."""
    del frame
    os.write(2, f"launch.py: {'terminated' if number == signal.SIGTERM else 'interrupted'}\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":  # first of all: the imports take seconds
    signal.signal(signal.SIGTERM, end_at_once)
    signal.signal(signal.SIGINT, end_at_once)

from jaxcnn import host_memory  # noqa: E402  (after the handlers are set; it imports no library)

if __name__ == "__main__":
    host_memory.start_again(__file__)

import jaxcnn  # noqa: E402
from jaxcnn import ending  # noqa: E402
from jaxcnn.command_line import (  # noqa: E402
    BENCH,
    EVALUATE,
    FOLDERS,
    NAMED_EXPERIMENT,
    PREPARE,
    TRAIN,
    Flags,
    Parser,
    missing_platform_is_told,
)
from jaxcnn.errors import JaxcnnError, UsageError  # noqa: E402
from jaxcnn.surroundings import make_ready  # noqa: E402


@contextlib.contextmanager
def progress() -> Iterator[Any]:
    """A display that is closed whatever happens."""
    from jaxcnn.reporting.progress import automatic

    display = automatic()
    try:
        yield display
    finally:
        display.close()


def overridden(flags: argparse.Namespace, *settings: str) -> jaxcnn.Experiment:
    """The experiment that the flags name, without data."""
    from jaxcnn.training.setting import check_network

    experiment = jaxcnn.override(jaxcnn.load(flags.exp), *flags.set, *settings)
    check_network(experiment, experiment.title)
    return experiment


def train(flags: argparse.Namespace) -> Any:
    from jaxcnn.reporting.tables import show_list, show_summary
    from jaxcnn.training import processes

    if flags.list:
        from jaxcnn.analysis.describe import listing

        return listing(), show_list
    if flags.exp is None:
        raise UsageError(f"give --exp=NAME, --list, or a command ({', '.join(COMMANDS)}).")
    if flags.steps and flags.epochs:
        raise UsageError("argument --epochs: not allowed with argument --steps.")
    if not 0 <= flags.seed < 2**32:
        raise UsageError(f"--seed (={flags.seed}) must be from 0 to {2**32 - 1}.")
    if flags.dry_run and flags.profile:
        raise UsageError(f"--profile (={flags.profile}) needs steps to trace, and --dry-run runs none.")
    if flags.dry_run and flags.distributed:
        raise UsageError("--distributed: --dry-run is one process; --devices=N simulates the devices of all of them.")
    if flags.dry_run:
        return dry_run(flags)
    if flags.devices:
        raise UsageError(f"--devices (={flags.devices}) goes with --dry-run; a run takes all devices that are there.")
    ending.say(" before the first step; nothing was lost.")
    if flags.distributed:
        processes.connect()  # before the first device is touched
    with progress() as display:
        summary = jaxcnn.fit(
            jaxcnn.load(flags.exp),
            workdir=flags.workdir,
            data=flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            steps=flags.steps,
            epochs=flags.epochs,
            seed=flags.seed,
            parallel=flags.parallel,
            mesh=flags.mesh,
            settings=flags.set,
            profile=flags.profile,
            display=display,
        )
    if flags.distributed and not processes.is_first():
        return None, show_summary
    return summary, show_summary


def dry_run(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.dry_run import dry_run
    from jaxcnn.analysis.simulated import simulated_dry_run
    from jaxcnn.reporting.tables import show_dry_run

    names = ("workdir", "data", "data_dir", "steps", "epochs", "parallel", "mesh")
    arguments = {name: getattr(flags, name) for name in names} | {"settings": flags.set}
    if flags.devices:
        return simulated_dry_run(flags.exp, flags.devices, **arguments), show_dry_run
    with progress() as display:
        return dry_run(jaxcnn.load(flags.exp), **arguments, display=display), show_dry_run


def describe(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.describe import describe
    from jaxcnn.reporting.tables import show_description

    return describe(overridden(flags)), show_description


def bench(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.bench import bench
    from jaxcnn.reporting.tables import show_fields

    experiment = overridden(flags, *([f"batch_size={flags.batch_size}"] if flags.batch_size else []))
    found = bench(
        experiment,
        steps=flags.steps,
        parallel=flags.parallel,
        mesh=flags.mesh,
        data=flags.data,
        data_dir=flags.data_dir,
    )
    return found, show_fields


def prepare(flags: argparse.Namespace) -> Any:
    from jaxcnn.data.prepare import prepare
    from jaxcnn.reporting.tables import show_fields

    with progress() as display:
        folder = prepare(
            flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            resize=flags.resize,
            progress=display.advance,
        )
    return {"data": flags.data, "folder": str(folder)}, show_fields


def evaluate(flags: argparse.Namespace) -> Any:
    from jaxcnn.reporting.tables import show_evaluation

    with progress() as display:
        result = jaxcnn.evaluate(
            flags.workdir,
            protocols=flags.protocol,
            data=flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            settings=flags.set,
            display=display,
        )
    return result, show_evaluation


def doctor(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.doctor import doctor
    from jaxcnn.reporting.tables import show_fields

    return doctor(flags.data_dir), show_fields


class Command(NamedTuple):
    """A job, which gives its answer and a function that shows it to a person; and its flags besides --json."""

    job: Callable[[argparse.Namespace], Any]
    about: str
    flags: Flags


COMMANDS = {
    "describe": Command(describe, "The layer table, the paper's claims, the contradictions.", NAMED_EXPERIMENT),
    "bench": Command(bench, "The speed of the train step on made-up input, and of a data set's pipeline.", BENCH),
    "prepare": Command(prepare, "Write a TFDS data set, without TensorFlow.", PREPARE),
    "eval": Command(evaluate, "The errors of a run's newest checkpoint.", EVALUATE),
    "doctor": Command(
        doctor,
        "Devices, versions, compiler canaries, data found, speed of decode.",
        {"--data-dir": FOLDERS["--data-dir"]},
    ),
}
TRAINING = Command(
    train,
    "Train an experiment, or go on with it, and evaluate it by its paper's protocol. "
    f"Other commands, each with its own --help: {', '.join(COMMANDS)}.",
    TRAIN,
)


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command that the arguments name, and its flags. Raises UsageError."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if name is not None and name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no command {name!r}; {hint}Allowed: --exp=NAME, {', '.join(COMMANDS)}.")
    command = COMMANDS[name] if name else TRAINING
    parser = Parser(prog=f"launch.py {name}" if name else "launch.py", description=command.about)
    for flag, options in command.flags.items():
        parser.add_argument(flag, **options)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return command, parser.parse(arguments[1:] if name else arguments)


def run(arguments: Sequence[str]) -> None:
    """Runs one command; what it answers goes to standard output, everything else to standard error."""
    command, flags = parse(arguments)
    with missing_platform_is_told():
        answer, show = command.job(flags)
    if answer is None:  # another process says it
        return
    if flags.json:
        print(json.dumps(answer, indent=2, allow_nan=False))
    else:
        show(answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: see the command line's table in the README."""
    from jaxcnn.training import processes

    try:
        make_ready()
        host_memory.keep_freed_memory()
        run(sys.argv[1:] if arguments is None else arguments)
    except JaxcnnError as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return processes.leave(error.exit_status, wait=not isinstance(error, processes.LostProcessError))
    except KeyboardInterrupt:  # where `ending` isn't installed: in another program
        print("launch.py: interrupted", file=sys.stderr)
        return processes.leave(128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output left
        sys.stderr.close()
        return 1
    except Exception:
        if not processes.connected():
            raise
        traceback.print_exc()
        return processes.leave(1)
    return processes.leave(0)


if __name__ == "__main__":
    ending.install()
    sys.exit(main())
