"""Training an experiment from data to summary."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import has_path, value_at
from jaxcnn.config.serialize import to_json
from jaxcnn.data.datasets import data_set
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.parallel import coordination, processes
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Mode
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.reporting.record import FINAL
from jaxcnn.runs.disk_errors import refusal, reporting_full_disk
from jaxcnn.runs.folder import claim_workdir, content, identity, local_folder, params_sha256, write_json
from jaxcnn.runs.lock import held
from jaxcnn.runs.plan import plan_run
from jaxcnn.runs.profiler import nothing_to_trace
from jaxcnn.runs.run import Run
from jaxcnn.runs.warm_start import starting_weights
from jaxcnn.runtime import signals
from jaxcnn.training.network import has_batch_norm
from jaxcnn.training.out_of_memory import reporting_step_memory

WIDTH = 78  # columns of the banner


def fit(
    experiment: Experiment,
    *,
    workdir: str | Path | None = None,
    data: str = "auto",
    data_dir: str | None = None,
    manual_dir: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    seed: int = 0,
    parallel: Mode = "jit",
    mesh: str | None = None,
    settings: Sequence[str] = (),
    profile: str | Path | None = None,
    display: Display | None = None,
) -> dict[str, Any]:
    """Trains on every device, going on from what `workdir` holds, and evaluates by the paper's protocol.

    After `jax.distributed.initialize` the devices are those of all processes; each of them calls this alike, and the
    first one writes `workdir`, which all must share.

    Args:
      experiment: from `jaxcnn.load`.
      workdir: the run's folder; by default runs/<experiment>-<variant>-<data>.
      data: "auto", or a data set by name, which is used or is an error.
      data_dir: the TFDS folder or bucket; by default $TFDS_DATA_DIR, else ~/tensorflow_datasets.
      manual_dir: a folder with original archives.
      steps, epochs: where to stop instead of at the paper's end; the schedule keeps its shape.
      seed: of order, initialisation, augmentation and dropout.
      parallel: "jit", or "pmap" with batch statistics per device.
      mesh: how the devices are laid out, as in "data=4,model=2"; by default all share the batch.
      settings: overrides ("batch_size=64"), applied last. They take precedence over a rehearsal's changes, as do the
        fields that `jaxcnn.override` or `dataclasses.replace` has set in `experiment`.
      profile: a folder for a trace of a few steps by JAX's profiler.
      display: shows progress; by default nothing is shown.

    Returns:
      The content of summary.json.

    Raises:
      UsageError, DataMissingError, RunStoppedError, RunInterruptedError: see `jaxcnn.errors`.
    """
    check_compiling()
    trace = local_folder(profile, "--profile") if profile else None
    display = (display if processes.is_first() else None) or Silent()
    plan = plan_run(
        experiment,
        workdir=workdir,
        data=data,
        data_dir=data_dir,
        manual_dir=manual_dir,
        steps=steps,
        epochs=epochs,
        seed=seed,
        parallel=parallel,
        mesh=mesh,
        settings=settings,
        display=display,
    )
    experiment, choice, length, workdir = plan.experiment, plan.choice, plan.length, plan.workdir
    train_source, test_source = plan.train_source, plan.test_source
    initial = starting_weights(experiment, workdir, plan.devices)
    held_data = content(train_source, test_source)
    mine = identity(experiment, data=choice.name, rehearsal=choice.rehearsal, seed=plan.seed, content=held_data)
    if initial is not None:
        mine["init_from_sha256"] = initial.sha256
    if train_source.shorter_side is not None:
        mine["shorter_side"] = train_source.shorter_side  # a compact copy has other pictures
    notes = coordination.in_turn(
        lambda: claim_workdir(
            workdir, mine, first=processes.is_first(), may_accumulate=lambda: not has_batch_norm(experiment)
        )
    )
    summary_path = workdir / "summary.json"
    summary = coordination.in_turn(lambda: finished(summary_path, length.stop))
    if summary is not None:
        if trace is not None:
            raise nothing_to_trace(trace, length.stop)
        display.message(f"{workdir} is finished: {summary['steps']:,} steps")
        return summary
    banner(display, experiment, choice)
    for note in [*(f"note: {note}" for note in {train_source.note, test_source.note} - {""}), *notes]:
        display.message(note)
    with reporting_full_disk(workdir), held(workdir), reporting_step_memory(experiment, plan.devices.batch_parts):
        if processes.is_first():
            summary_path.unlink(missing_ok=True)
        run = Run(
            experiment,
            workdir=workdir,
            train_source=train_source,
            test_source=test_source,
            devices=plan.devices,
            length=length,
            seed=plan.seed,
            display=display,
            profile=trace,
            initial=initial,
            record={"experiment": mine, "class_names": list(train_source.class_names)},
        )
        with processes.closing(run):
            if run.step < length.stop:
                display.message(
                    f"{experiment.id} on {choice.name}: {len(train_source):,} + {len(test_source):,} pictures, "
                    f"{length.stop:,} steps of {experiment.batch_size}, {plan.devices.described}; compiling"
                )
                if length.stop > length.planned:
                    display.message(
                        f"note: the recipe has {length.planned:,} steps; its schedule wasn't made for those after them"
                    )
                run.compile()
            # of a second signal, or a late one
            signals.set_exit_note("; the same command goes on from the newest checkpoint.")
            with run.interrupts:
                run.train()
                summary = summarise(run, choice)
                run.wait()
        if processes.is_first():
            write_json(summary_path, summary)
    banner(display, experiment, choice)
    return summary


def finished(path: Path, stop: int) -> dict[str, Any] | None:
    """The summary of a run that has reached step `stop`, None where there is no such, or only a damaged one."""
    try:
        summary = json.loads(path.read_text())
        return summary if summary["steps"] >= stop else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(path, error) from error
    except (ValueError, KeyError, TypeError):  # it comes anew from the newest checkpoint
        return None


def summarise(run: Run, choice: Choice) -> dict[str, Any]:
    """Evaluates by each of the experiment's protocols; the content of summary.json."""
    experiment = run.experiment
    evaluation = {name: run.evaluate(name, name) for name in experiment.protocols}
    for name, metrics in evaluation.items():
        run.record.write(run.step, FINAL + name, **metrics)
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "data": choice.name,
        "rehearsal": choice.rehearsal,
        "how_to_get_the_data": choice.how_to_get if choice.rehearsal else None,
        "steps": run.step,
        "examples": run.step * experiment.batch_size,
        "seconds": run.seconds,
        "train": run.record.train_means(since=run.step - run.length.steps_per_epoch),
        "evaluation": evaluation,
        "paper": to_json(experiment.paper.results),
        "params_sha256": params_sha256(run.whole_params),
    }


def banner(display: Display, experiment: Experiment, choice: Choice) -> None:
    """Says loudly that this is a rehearsal, what differs, what its error compares with, and how to get the real thing.

    Lines are at most 78 columns wide, but for single words and commands, which are to be copied.
    """
    rehearsal = experiment.rehearsal
    if not choice.rehearsal or rehearsal is None:
        return
    # The values that the run has: a user's setting takes precedence, and a user's own network may lack a field.
    present = [path for path in rehearsal.overrides if has_path(experiment, path)]
    changes = ", ".join(f"{path}={to_json(value_at(experiment, path))}" for path in present)
    classes = data_set(choice.name).num_classes
    compare = [f"chance is {100 * (1 - 1 / classes):.0f} % test error", rehearsal.baseline]
    lines = (
        "=" * WIDTH,
        wrapped(f"REHEARSAL: this is {experiment.id} on {choice.name}, not on {experiment.data}."),
        f"Why: {choice.reason}",
        wrapped(f"Changed for it: {changes or 'nothing but the data'}"),
        wrapped(f"Compare with: {'; '.join(text for text in compare if text)}."),
        wrapped(f"Measured, without further settings: {rehearsal.measured}.") if rehearsal.measured else "",
        f"The real thing: {choice.how_to_get}",
        "=" * WIDTH,
    )
    display.message("\n".join(line for line in lines if line))


def wrapped(line: str) -> str:
    """The line on as many lines as it takes, of at most `WIDTH` columns, the further ones indented."""
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
