"""What each command of the command line does with its flags, and how its result is displayed.

Each command imports its modules when it runs, so that a simple command doesn't wait for those of training.
"""

import argparse
import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from jaxcnn.cli.flags import (
    TRAIN,
)
from jaxcnn.cli.report_command import open_report
from jaxcnn.config.experiment import Experiment, load
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.runtime import signals

# A result, how it is displayed, and, where it isn't all that was asked for, the error to end with after displaying it.
Answer = tuple[Any, Callable[[Any], None]] | tuple[Any, Callable[[Any], None], JaxcnnError | None]


@contextlib.contextmanager
def progress() -> Iterator[Any]:
    """A progress display that is closed at the end, also after an error."""
    from jaxcnn.reporting.progress import automatic

    with contextlib.closing(automatic()) as display:
        yield display


def overridden(flags: argparse.Namespace, *settings: str) -> Experiment:
    """The experiment that the flags name, with its settings, but not adapted to any data set."""
    from jaxcnn.config.overrides import override
    from jaxcnn.runs.resolve import check_network

    experiment = override(load(flags.exp), *flags.set, *settings)
    check_network(experiment, experiment.id)
    return experiment


def is_given(flags: argparse.Namespace, flag: str) -> bool:
    """Whether a flag of `TRAIN` has a value other than its default."""
    value = getattr(flags, flag.removeprefix("--").replace("-", "_"))
    return value not in (None, False, [], TRAIN[flag].get("default"))


def train(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli.summary_table import show_summary
    from jaxcnn.parallel import processes

    if flags.list:
        return list_experiments(flags)
    check_together(flags)
    if flags.dry_run:
        return dry_run(flags)
    signals.set_exit_note(" before the first step; nothing was lost.")
    from jaxcnn.runs.fit import fit  # slow, so a signal during this import needs the note already

    if flags.distributed:
        processes.connect()  # must come before the first use of a device
    with progress() as display:
        summary = fit(
            load(flags.exp),
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
    if flags.open:
        open_report(flags.workdir, summary)
    return summary, show_summary


def list_experiments(flags: argparse.Namespace) -> Answer:
    from jaxcnn.analysis.describe import listing
    from jaxcnn.cli.tables import show_list

    others = [flag for flag in TRAIN if flag != "--list" and is_given(flags, flag)]
    if others:
        raise UsageError(f"--list shows every experiment and takes only --json; leave out {', '.join(others)}.")
    return listing(), show_list


def check_together(flags: argparse.Namespace) -> None:
    """Raises UsageError where flags of `TRAIN` exclude each other."""
    if flags.dry_run and flags.profile:
        raise UsageError(f"--profile (={flags.profile}) traces steps, and --dry-run runs none; leave out one of them.")
    if flags.dry_run and flags.distributed:
        raise UsageError("--dry-run is one process; instead of --distributed, use --devices=N to simulate all devices.")
    if flags.devices and not flags.dry_run:
        raise UsageError(f"--devices (={flags.devices}) needs --dry-run; a run uses all devices of the machine.")


def dry_run(flags: argparse.Namespace) -> Answer:
    from jaxcnn.analysis.dry_run import dry_run
    from jaxcnn.analysis.simulated import simulated_dry_run
    from jaxcnn.cli.tables import show_dry_run

    names = ("workdir", "data", "data_dir", "steps", "epochs", "parallel", "mesh")
    arguments = {name: getattr(flags, name) for name in names} | {"settings": flags.set}
    if flags.devices:
        return simulated_dry_run(flags.exp, flags.devices, **arguments), show_dry_run
    with progress() as display:
        return dry_run(load(flags.exp), **arguments, display=display), show_dry_run


def describe(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli import describe_command

    describe_command.check_one_form(flags)
    return describe_command.describe(flags, overridden(flags))


def bench(flags: argparse.Namespace) -> Answer:
    from jaxcnn.analysis.bench import bench
    from jaxcnn.cli.tables import show_fields

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


def prepare(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli.tables import show_fields
    from jaxcnn.data.preparation.prepare import prepare

    with progress() as display:
        folder = prepare(
            flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            resize=flags.resize,
            progress=display.advance,
        )
    return {"data": flags.data, "folder": str(folder)}, show_fields


def evaluate(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli.tables import show_evaluation
    from jaxcnn.runs.evaluate import evaluate as evaluate_run

    with progress() as display:
        result = evaluate_run(
            flags.workdir,
            protocols=flags.protocol,
            data=flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            settings=flags.set,
            display=display,
        )
    return result, show_evaluation


def predict(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli import predictions

    # A damaged file is named in the answer; Pillow's warnings about it name none.
    with warnings.catch_warnings(), progress() as display:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        return predictions.predict(flags, display)


def import_weights(flags: argparse.Namespace) -> Answer:
    from jaxcnn.cli import import_command

    with progress() as display:
        return import_command.import_weights(flags, display)


def doctor(flags: argparse.Namespace) -> Answer:
    from jaxcnn.analysis.doctor import doctor
    from jaxcnn.cli.doctor_page import show_doctor

    return doctor(flags.data_dir), functools.partial(show_doctor, data_dir=flags.data_dir)
