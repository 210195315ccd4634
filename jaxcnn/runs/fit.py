"""Training an experiment from data to summary."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.naming import Name
from jaxcnn.errors import first_line
from jaxcnn.parallel import coordination, processes
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Mode
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.banner import banner
from jaxcnn.runs.begin import begin_run
from jaxcnn.runs.disk_errors import reporting_full_disk
from jaxcnn.runs.folder import claim_workdir, content, identity, local_folder, write_json
from jaxcnn.runs.kept_evaluation import FILE as EVALUATION
from jaxcnn.runs.kept_evaluation import kept_evaluation, write_kept
from jaxcnn.runs.lock import held
from jaxcnn.runs.plan import Plan, plan_run
from jaxcnn.runs.profiler import nothing_to_trace
from jaxcnn.runs.report import FILE as REPORT
from jaxcnn.runs.report import report
from jaxcnn.runs.run import Run
from jaxcnn.runs.summary import Images, finished, summarise
from jaxcnn.runs.warm_start import InitialWeights, starting_weights
from jaxcnn.runtime import signals
from jaxcnn.training.network import has_batch_norm
from jaxcnn.training.out_of_memory import reporting_step_memory


def fit(
    experiment: Experiment,
    *,
    workdir: str | Path | None = None,
    data: Name = "auto",
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
    """Trains on every device, resumes from `workdir` if it holds a checkpoint, and evaluates by the paper's protocol.

    After `jax.distributed.initialize` the devices are those of all processes. Each process makes the same call; the
    first one writes `workdir`, which all must share.

    Args:
      experiment: from `jaxcnn.load`.
      workdir: the run's folder; by default runs/<experiment>-<variant>-<data>.
      data: "auto", or what has no fallback: the name of a data set, a folder of class folders, or
        `tfds:NAME[/CONFIG][:VERSION]`.
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
    initial = starting_weights(plan.experiment, plan.workdir, plan.devices, plan.train_source.class_names)
    mine = plan_identity(plan, initial)
    notes = coordination.in_turn(lambda: claim_for(plan, mine))
    summary_path = plan.workdir / "summary.json"
    summary = coordination.in_turn(lambda: finished(summary_path, plan.length.stop))
    if summary is not None:
        if trace is not None:
            raise nothing_to_trace(trace, plan.length.stop)
        display.message(f"{plan.workdir} is finished: {summary['steps']:,} steps")
        return summary
    banner(display, plan.experiment, plan.choice)
    sources = {plan.train_source.note, plan.test_source.note} - {""}
    inherited = [plan.inherited.note] if plan.inherited.note else []
    for note in [*(f"note: {note}" for note in sources), *inherited, *notes]:
        display.message(note)
    parts = plan.devices.batch_parts
    with reporting_full_disk(plan.workdir), held(plan.workdir), reporting_step_memory(plan.experiment, parts):
        if processes.is_first():
            for name in ("summary.json", EVALUATION, REPORT):  # of an earlier, shorter run
                (plan.workdir / name).unlink(missing_ok=True)
        run = begin_run(plan, mine, initial=initial, display=display, trace=trace)
        with processes.closing(run):
            # What a second signal, or a late one, reports.
            signals.set_exit_note("; the same command goes on from the newest checkpoint.")
            with run.interrupts:
                run.train()
                summary, images = summarise(run, plan.choice)
                run.wait()
            kept = partial(keep, plan, run, summary, images, run.whole_params)
            if processes.is_first():
                noting_failure(kept, display)
        if processes.is_first():
            write_json(summary_path, summary)
            noting_failure(partial(report, plan.workdir, experiment=plan.experiment), display)
    banner(display, plan.experiment, plan.choice)
    return summary


def keep(plan: Plan, run: Run, summary: dict[str, Any], images: Images, params: Any) -> None:
    """Keeps what the report needs of the test set and of the network."""
    content = kept_evaluation(
        plan.experiment,
        plan.test_source,
        step=run.step,
        class_names=summary["class_names"],
        evaluation=summary["evaluation"],
        images=images,
        params=params,
    )
    write_kept(plan.workdir, content)


def noting_failure(write: Callable[[], Any], display: Display) -> None:
    """Does what makes the report; that it failed is a note, and the run is none the worse for it."""
    try:
        write()
    except Exception as error:
        display.message(f"note: the run's report isn't complete: {first_line(error)}")


def plan_identity(plan: Plan, initial: InitialWeights | None) -> dict[str, Any]:
    """The run's identity (`folder.identity`), including its data and initial weights."""
    mine = identity(
        plan.experiment,
        data=plan.choice.name,
        rehearsal=plan.choice.rehearsal,
        seed=plan.seed,
        content=content(plan.train_source, plan.test_source),
    )
    if initial is not None:
        mine["init_from_sha256"] = initial.sha256
    if plan.train_source.shorter_side is not None:
        mine["shorter_side"] = plan.train_source.shorter_side  # a compact copy holds other images
    return mine


def claim_for(plan: Plan, mine: dict[str, Any]) -> list[str]:
    """Claims the run's folder, or checks that it is this run's; returns notes to show, one a line."""
    return claim_workdir(
        plan.workdir,
        mine,
        first=processes.is_first(),
        inherited=plan.inherited.paths,
        may_accumulate=lambda: not has_batch_norm(plan.experiment),
    )
