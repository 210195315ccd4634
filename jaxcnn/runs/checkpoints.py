"""Saving and restoring a run by Orbax: asynchronously, all or nothing, on any number of devices."""

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.sharding import Sharding

from jaxcnn.errors import DataMissingError, JaxcnnError
from jaxcnn.parallel import coordination
from jaxcnn.runs.digests import Digests
from jaxcnn.runs.event_loop import patient_loops
from jaxcnn.training.state import TrainState

Tree = Any
Result = TypeVar("Result")


class DamagedCheckpointError(JaxcnnError):
    """A checkpoint can't be read. `why`: a phrase."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


class Checkpoints:
    """The checkpoints in a run's folder; the two newest are kept.

    Beside the state each holds a record, as JSON: the resolved experiment, the class names, what surrounded the run
    (`resumption.surroundings`), the seconds that it has taken, and whether an evaluation is still due.

    A damaged checkpoint is passed over for the one before it, which `notes` tell of.

    Attributes:
      folder: that holds a folder for each step.
      notes: what was found damaged while reading, a line each.

    Args:
      workdir: the run's folder.
      sets_aside: whether damaged checkpoints are renamed, so that the run can save those steps again; for the run
        itself. Whoever only reads a folder leaves it as it is.
    """

    def __init__(self, workdir: Path, *, sets_aside: bool = False) -> None:
        self.folder = (Path(workdir) / "checkpoints").absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.notes: list[str] = []
        self._sets_aside = sets_aside
        self._digests = Digests(self.folder)
        self._problems: dict[int, str] = {}  # step → what is wrong with it, "" for nothing
        self._saving: int | None = None
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2,
            enable_async_checkpointing=True,
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def latest_step(self) -> int | None:
        """The step of the newest complete checkpoint, sound or not; None where there is none."""
        self._write_digests()
        return self._manager.latest_step()

    def newest_sound(self) -> int:
        """The step of the newest checkpoint that isn't known to be damaged.

        Raises:
          DataMissingError: the folder has no complete checkpoint.
          JaxcnnError: all of them are damaged.
        """
        return coordination.in_turn(self._pass_over_damage)

    def save(self, state: TrainState, step: int, record: dict[str, Any]) -> None:
        """Copies the state to the host, returns, and writes in the background; a step already saved is skipped."""
        if step == self.latest_step():
            return
        self.wait()  # for the checkpoint before, whose digests are written then
        self._saving = step
        self._problems.pop(step, None)
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record))
        with jax.transfer_guard("allow"):  # Orbax copies to the host, and lets processes meet, implicitly
            self._manager.save(step, args=arguments)

    def restore(self, like: TrainState, placement: Tree) -> tuple[TrainState, dict[str, Any]]:
        """The newest sound state and its record, whatever devices saved it.

        Args:
          like: arrays or their shapes, as `state.create` gives them.
          placement: the sharding of every leaf, or one for all of them.

        Raises:
          DataMissingError: the folder has no complete checkpoint.
          JaxcnnError: all of them are damaged.
        """
        shapes = placed(like, placement)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), record=ocp.args.JsonRestore())
        restored = self._first_sound(lambda step: self._manager.restore(step, args=arguments))
        return restored["state"], restored["record"]

    def network(self, placement: Callable[[Tree], Tree]) -> dict[str, Tree]:
        """What an evaluation needs of the newest sound state, whatever the network; nothing else is read.

        Args:
          placement: shapes of a state's parts → their shardings.

        Returns:
          {"params" (their average where one is kept), "batch_stats", "statistics"}, as `state.evaluation_variables`
          gives them.

        Raises:
          DataMissingError, JaxcnnError: as `restore`.
        """
        return self._first_sound(lambda step: network_of(self.folder / str(step) / "state", placement))

    def record(self) -> dict[str, Any]:
        """The newest sound checkpoint's record alone. Raises as `restore` does."""
        arguments = ocp.args.Composite(record=ocp.args.JsonRestore())
        return self._first_sound(lambda step: self._manager.restore(step, args=arguments))["record"]

    def _first_sound(self, read: Callable[[int], Result]) -> Result:
        """What `read` gives for the newest checkpoint that it can read."""
        while True:
            step = self.newest_sound()
            try:
                with self._reporting_damage(step):
                    return read(step)
            except DamagedCheckpointError as error:
                if jax.process_count() > 1:  # the others may have read it, and wait
                    raise
                self._problems[step] = error.why

    def _pass_over_damage(self) -> int:
        """The newest sound step. Tells of the others that are newer, and sets them aside where that is asked for."""
        steps = sorted(self._manager.all_steps(), reverse=True)
        if not steps:
            raise DataMissingError(f"{self.folder} holds no complete checkpoint: train there first.")
        sound = next((step for step in steps if not self._problem(step)), None)
        if sound is None:
            found = "; ".join(f"step {step:,}: {self._problem(step)}" for step in steps)
            raise JaxcnnError(
                f"every checkpoint in {self.folder} is damaged ({found}); remove that folder, and the run begins anew."
            )
        for step in (step for step in steps if step > sound):
            place = self.folder / str(step)
            told = f"note: the checkpoint {place} is damaged ({self._problem(step)})"
            if self._sets_aside:
                self.notes.append(f"{told}; it was set aside as {self._renamed(place).name}")
            elif not any(note.startswith(told) for note in self.notes):
                self.notes.append(f"{told}; step {sound:,} is used instead")
        if self._sets_aside and sound != steps[0]:
            self._manager.reload()
        return sound

    def _renamed(self, place: Path) -> Path:
        """Renames a checkpoint's folder, where this is the process that writes."""
        plain = place.with_name(f"damaged-{place.name}")
        numbered = (plain.with_name(f"{plain.name}-{number}") for number in itertools.count(2))
        aside = next(path for path in itertools.chain([plain], numbered) if not path.exists())
        with contextlib.suppress(FileNotFoundError):  # another process has
            place.rename(aside)
        return aside

    def _problem(self, step: int) -> str:
        if step not in self._problems:
            self._problems[step] = self._digests.problem(step)
        return self._problems[step]

    def _write_digests(self) -> None:
        """Writes down the digests of the checkpoint that was saved last, once it is complete.

        Orbax has no call for that moment; the run asks for the newest step at every line of its log, and so comes here.
        """
        if self._saving is None or self._manager.is_saving_in_progress():
            return
        if jax.process_index() == 0 and (self.folder / str(self._saving)).is_dir():
            self._digests.write(self._saving)
        self._saving = None

    @contextlib.contextmanager
    def _reporting_damage(self, step: int) -> Iterator[None]:
        """Turns the many ways in which a damaged checkpoint fails into one JaxcnnError."""
        try:
            with patient_loops():
                yield
        except PermissionError:
            raise
        # What the libraries raise for missing or short files, for damaged JSON, and for incomplete trees.
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"or of another version: {type(error).__name__}"
            raise DamagedCheckpointError(f"the checkpoint {self.folder / str(step)} is damaged {why}.", why) from error

    def wait(self) -> None:
        """Waits until everything is on disk; raises any error in writing it."""
        with jax.transfer_guard("allow"):
            self._manager.wait_until_finished()
        self._write_digests()

    def close(self) -> None:
        self._manager.close()  # waits, too
        self._write_digests()


def network_of(folder: Path, placement: Callable[[Tree], Tree]) -> dict[str, Tree]:
    """What `Checkpoints.network` gives, of one state's folder."""
    with ocp.StandardCheckpointer() as checkpointer, without_note_on_metadata():
        saved = checkpointer.metadata(folder).item_metadata.tree
    weights = "average" if saved.get("average") else "params"
    parts = {name: saved.get(name) or {} for name in (weights, "batch_stats", "statistics")}
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), parts)
    shapes = placed(shapes, placement(shapes))
    restore_args = ocp.checkpoint_utils.construct_restore_args(shapes)
    arguments = ocp.args.PyTreeRestore(item=shapes, restore_args=restore_args, partial_restore=True)
    with ocp.PyTreeCheckpointer() as checkpointer:
        found = checkpointer.restore(folder, args=arguments)
    return {"params": found[weights], "batch_stats": found["batch_stats"], "statistics": found["statistics"]}


def has_checkpoint(workdir: Path) -> bool:
    """Whether the folder holds a complete checkpoint. The folder isn't changed."""
    folder = Path(workdir) / "checkpoints"
    return folder.is_dir() and any(entry.name.isdigit() for entry in folder.iterdir())


def placed(like: Tree, placement: Tree) -> Tree:
    """The shapes of `like` with their shardings."""
    if isinstance(placement, Sharding):
        placement = jax.tree.map(lambda _: placement, like)
    return jax.tree.map(lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where), like, placement)


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
