"""How a run begins: its parts are made, its programs compiled, and its state restored or created."""

import contextlib
import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from jax.stages import Compiled

from jaxcnn.config.experiment import Experiment
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.parallel import processes
from jaxcnn.reporting.progress import Display
from jaxcnn.reporting.record import Record, read_events
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.damaged_images import DamagedImages
from jaxcnn.runs.first_images import log_first_images
from jaxcnn.runs.initial_state import create_state, image_statistics
from jaxcnn.runs.interrupt import Interrupts, SharedInterrupts
from jaxcnn.runs.plan import Plan
from jaxcnn.runs.profiler import StepTrace
from jaxcnn.runs.rate_controllers import Controllers
from jaxcnn.runs.resumption import changes, surroundings
from jaxcnn.runs.run import Run
from jaxcnn.runs.step_log import StepLog
from jaxcnn.runs.warm_start import InitialWeights
from jaxcnn.training.feed import Feed
from jaxcnn.training.layers import description
from jaxcnn.training.program import Program
from jaxcnn.training.state import TrainState, variables_of


def begin_run(
    plan: Plan,
    identity: dict[str, Any],
    *,
    initial: InitialWeights | None,
    display: Display,
    trace: Path | None,
) -> Run:
    """The run of this plan, from its folder's newest checkpoint or from the start, ready for its next step.

    Args:
      plan: what to run.
      identity: what experiment.json says of it; every checkpoint carries it too.
      initial: another run's layers, which a run without a checkpoint begins with.
      display: shows what happens.
      trace: the folder for a profiler's trace of a few steps.

    Raises:
      JaxcnnError: the newest checkpoint is damaged.
    """
    began = time.monotonic()
    experiment, devices, length = plan.experiment, plan.devices, plan.length
    damaged = DamagedImages(plan.train_source, steps_per_epoch=length.steps_per_epoch)
    feed = Feed(experiment, plan.train_source, devices, seed=plan.seed, on_damage=damaged.report)
    evaluator = Evaluator(experiment, plan.test_source, devices)
    checkpoints = Checkpoints(plan.workdir, sets_aside=True)
    interrupts = SharedInterrupts() if processes.connected() else Interrupts()
    program = program_of(plan, on_device=not feed.streams)
    around = surroundings(devices)
    with contextlib.ExitStack() as opened:
        opened.callback(checkpoints.close)
        start = start_of(plan, program, checkpoints, opened, initial=initial, around=around, display=display)
        opened.pop_all()  # from here on the run closes them
    damaged.resume(read_events(start.record.path))
    write, say = start.record.write, display.message
    if start.step == 0:
        log_first_images(start.record, experiment, feed, start.state, say)
    return Run(
        experiment=experiment,
        length=length,
        devices=devices,
        display=display,
        program=program,
        step_function=start.step_function,
        feed=feed,
        evaluator=evaluator,
        checkpoints=checkpoints,
        damaged=damaged,
        interrupts=interrupts,
        record=start.record,
        controllers=Controllers(
            experiment, replicate=devices.replicate, write=write, train_means=start.record.train_means, say=say
        ),
        log=StepLog(experiment, length, write=write, say=say, streams=feed.streams, saved=checkpoints.latest_step),
        trace=StepTrace(trace, step=start.step, stop=length.stop, say=say),
        state=start.state,
        step=start.step,
        began=began - start.saved.get("seconds", 0.0),
        evaluation_due=start.evaluation_due,
        checkpoint_record={
            "experiment": identity,
            "class_names": list(plan.train_source.class_names),
            "surroundings": around,
        },
    )


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
      step, state: the newest checkpoint's, or step 0 and the initial state.
      saved: what that checkpoint says of the run; {} where there is none.
      record: the run's record, truncated after `step`.
      step_function: the compiled step; None where no step is left.
      evaluation_due: whether an evaluation after `step` is still to be made.
    """

    step: int
    state: TrainState
    saved: dict[str, Any]
    record: Record
    step_function: Compiled | None
    evaluation_due: bool


def start_of(
    plan: Plan,
    program: Program,
    checkpoints: Checkpoints,
    opened: contextlib.ExitStack,
    *,
    initial: InitialWeights | None,
    around: dict[str, Any],
    display: Display,
) -> Start:
    """Restores or creates the state, while the step compiles; the arguments are those of `begin_run`.

    Args:
      opened: closes what this opens, if something fails.
      around: the present devices and versions (`resumption.surroundings`).
    """
    experiment, devices = plan.experiment, plan.devices
    saved: dict[str, Any] = {}
    with ThreadPoolExecutor(1, thread_name_prefix="compile") as background:  # compiles two programs at a time
        if checkpoints.latest_step() is None:
            step, notes = 0, initial.notes if initial is not None else ()
            statistics = image_statistics(experiment.inputs, plan.train_source, initial, progress=display.advance)
            creation = background.submit(program.lower_creation())
            first_state = partial(create_state, program, creation, plan.seed, statistics, devices, initial)
        else:
            restored, saved = checkpoints.restore(program.state, program.placement)
            step, notes = int(restored.step), resumption_notes(saved, around, restored, experiment)
            first_state = partial(lambda state: state, restored)
        for note in (*checkpoints.notes, *notes):
            display.message(note)
        due = saved.get("evaluation_due", False)  # older checkpoints don't say
        record = Record(plan.workdir, step=step, writes=processes.is_first(), evaluates_again=due)
        opened.callback(record.close)
        step_function = None
        if step < plan.length.stop:
            announce(plan, program, display)
            compiling = time.monotonic()
            step_function = program.compile_step()
            record.write(step, "compile", seconds=time.monotonic() - compiling, devices=devices.described)
        return Start(step, first_state(), saved, record, step_function, due)


def program_of(plan: Plan, *, on_device: bool) -> Program:
    """The plan's programs; on_device: whether the training set is kept on the devices."""
    return Program(
        plan.experiment,
        plan.devices,
        steps_per_epoch=plan.length.steps_per_epoch,
        total_steps=plan.length.planned,
        images=len(plan.train_source),
        on_device=on_device,
    )


def resumption_notes(
    saved: dict[str, Any], around: dict[str, Any], state: TrainState, experiment: Experiment
) -> tuple[str, ...]:
    """Messages about a resumed run: where it continues, and what has changed around it."""
    changed = changes(
        saved.get("surroundings"),
        around,
        batch_norm=bool(state.batch_stats),
        batch_size=experiment.batch_size,
    )
    return (f"resuming at step {int(state.step):,}", *changed)


def announce(plan: Plan, program: Program, display: Display) -> None:
    """Announces data, layers, length and devices before the step is compiled."""
    experiment, length = plan.experiment, plan.length
    display.message(
        f"{experiment.id} on {plan.choice.name}: {len(plan.train_source):,} + {len(plan.test_source):,} images, "
        f"{length.stop:,} steps of {experiment.batch_size}, {plan.devices.described}; compiling"
    )
    trained = description(experiment.train_only, variables_of(program.state))
    if trained is not None:
        display.message(trained)
    if length.stop > length.planned:
        display.message(f"note: the recipe has {length.planned:,} steps; its schedule wasn't made for those after them")
