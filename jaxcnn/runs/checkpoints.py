"""Saving and restoring a run by Orbax: asynchronously, all or nothing, on any number of devices."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import Sharding

from jaxcnn.errors import DataMissingError, JaxcnnError
from jaxcnn.training.state import TrainState

Tree = Any


class Checkpoints:
    """The checkpoints in a run's folder; the two newest are kept.

    Beside the state each holds a record, as JSON: the resolved experiment, the class names, what surrounded the run
    (`resumption.surroundings`), the seconds that it has taken, and whether an evaluation is still due.
    """

    def __init__(self, workdir: Path) -> None:
        self.folder = (Path(workdir) / "checkpoints").absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def latest_step(self) -> int | None:
        """The step of the newest complete checkpoint; None where there is none."""
        return self._manager.latest_step()

    def save(self, state: TrainState, step: int, record: dict[str, Any]) -> None:
        """Copies the state to the host, returns, and writes in the background; a step already saved is skipped."""
        if step == self.latest_step():
            return
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record))
        with jax.transfer_guard("allow"):  # Orbax copies to the host, and lets processes meet, implicitly
            self._manager.save(step, args=arguments)

    def restore(self, like: TrainState, placement: Tree) -> tuple[TrainState, dict[str, Any]]:
        """The newest state and its record, whatever devices saved it.

        Args:
          like: arrays or their shapes, as `state.create` gives them.
          placement: the sharding of every leaf, or one for all of them.

        Raises:
          DataMissingError: the folder has no complete checkpoint.
          JaxcnnError: the newest one is damaged.
        """
        step = self._newest()
        shapes = placed(like, placement)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), record=ocp.args.JsonRestore())
        with self._reporting_damage(step):
            restored = self._manager.restore(step, args=arguments)
        return restored["state"], restored["record"]

    def network(self, placement: Callable[[Tree], Tree]) -> dict[str, Tree]:
        """What an evaluation needs of the newest state, whatever the network; nothing else is read.

        Args:
          placement: shapes of a state's parts → their shardings.

        Returns:
          {"params" (their average where one is kept), "batch_stats", "statistics"}, as `state.evaluation_variables`
          gives them.

        Raises:
          DataMissingError, JaxcnnError: as `restore`.
        """
        step = self._newest()
        folder = self.folder / str(step) / "state"
        with self._reporting_damage(step):
            with ocp.StandardCheckpointer() as checkpointer, without_note_on_metadata():
                saved = checkpointer.metadata(folder).item_metadata.tree
            weights = "average" if saved.get("average") else "params"
            parts = {name: saved.get(name) or {} for name in (weights, "batch_stats", "statistics")}
            shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), parts)
            shapes = placed(shapes, placement(shapes))
            arguments = ocp.args.PyTreeRestore(
                item=shapes,
                restore_args=ocp.checkpoint_utils.construct_restore_args(shapes),
                partial_restore=True,
            )
            with ocp.PyTreeCheckpointer() as checkpointer:
                found = checkpointer.restore(folder, args=arguments)
        return {"params": found[weights], "batch_stats": found["batch_stats"], "statistics": found["statistics"]}

    def record(self) -> dict[str, Any]:
        """The newest checkpoint's record alone. Raises as `restore` does."""
        step = self._newest()
        with self._reporting_damage(step):
            return self._manager.restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))["record"]

    def _newest(self) -> int:
        step = self.latest_step()
        if step is None:
            raise DataMissingError(f"{self.folder} holds no complete checkpoint: train there first.")
        return step

    @contextlib.contextmanager
    def _reporting_damage(self, step: int) -> Iterator[None]:
        """Turns the many ways in which a damaged checkpoint fails into one JaxcnnError."""
        try:
            with patient_loops():
                yield
        except PermissionError:
            raise
        # What the libraries raise for missing or short files, for damaged JSON, and for incomplete trees.
        except (OSError, ValueError, KeyError, TypeError) as error:
            before = max((other for other in self._manager.all_steps() if other < step), default=None)
            go_on = "begins anew" if before is None else f"goes on from step {before:,}"
            raise JaxcnnError(
                f"the checkpoint {self.folder / str(step)} is damaged or of another version "
                f"({type(error).__name__}); remove that folder, and the run {go_on}."
            ) from error

    def wait(self) -> None:
        """Waits until everything is on disk; raises any error in writing it."""
        with jax.transfer_guard("allow"):
            self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()


def has_checkpoint(workdir: Path) -> bool:
    """Whether the folder holds a complete checkpoint. The folder isn't changed."""
    folder = Path(workdir) / "checkpoints"
    return folder.is_dir() and any(entry.name.isdigit() for entry in folder.iterdir())


def placed(like: Tree, placement: Tree) -> Tree:
    """The shapes of `like` with their shardings."""
    if isinstance(placement, Sharding):
        placement = jax.tree.map(lambda _: placement, like)
    return jax.tree.map(lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where), like, placement)


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop that, when closed, first waits for its unfinished tasks and ignores their results.

    Orbax reads a checkpoint's arrays all at once, in an event loop that it closes as soon as one of them fails. The
    other reads then find the loop closed, and each prints a traceback beside our one line of error.
    Orbax 0.12.8 does so: eight restores of truncated arrays printed 136 tracebacks without this class, none with it.
    """

    def close(self) -> None:
        while not self.is_closed() and (tasks := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        super().close()


@contextlib.contextmanager
def without_note_on_metadata() -> Iterator[None]:
    """Drops Orbax's warning that a part of a checkpoint has no _CHECKPOINT_METADATA: only the whole has it."""
    log = logging.getLogger("absl")

    def is_other(record: logging.LogRecord) -> bool:
        return "Metadata file does not exist" not in record.getMessage()

    log.addFilter(is_other)
    try:
        yield
    finally:
        log.removeFilter(is_other)


@contextlib.contextmanager
def patient_loops() -> Iterator[None]:
    """Makes new event loops patient. (Setting asyncio's policy would do the same, but is deprecated.)"""
    usual, asyncio.new_event_loop = asyncio.new_event_loop, PatientLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = usual
