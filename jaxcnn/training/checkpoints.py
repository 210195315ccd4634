"""Saving and restoring a run by Orbax: asynchronously, all or nothing, on any number of devices."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import Sharding

from jaxcnn.errors import DataMissingError
from jaxcnn.training.state import TrainState


class Checkpoints:
    """The checkpoints in a run's folder; the two newest are kept.

    Beside the state each holds a record: JSON of the resolved experiment, the preprocessing, the class names, and
    the seconds that the run has taken.
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
        """Copies the state to the host and returns; writing goes on in the background. A step saved is left alone."""
        if step == self.latest_step():
            return
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record))
        self._manager.save(step, args=arguments)

    def restore(self, like: TrainState, sharding: Sharding) -> tuple[TrainState, dict[str, Any]]:
        """The newest state and its record. like: arrays or their shapes, as `state.create` gives them.

        Raises:
          DataMissingError: the folder has no complete checkpoint.
        """
        step = self.latest_step()
        if step is None:
            raise DataMissingError(f"{self.folder} holds no complete checkpoint: train there first.")
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), like)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), record=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=arguments)
        return restored["state"], restored["record"]

    def parameters(self, sharding: Sharding) -> dict[str, Any]:
        """The newest state's parameters, whatever network they are of. Raises DataMissingError as `restore` does."""
        step = self.latest_step()
        if step is None:
            raise DataMissingError(f"{self.folder} holds no complete checkpoint: train there first.")
        with ocp.StandardCheckpointer() as checkpointer:
            saved = checkpointer.metadata(self.folder / str(step) / "state").item_metadata.tree
            shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), saved)
            return checkpointer.restore(self.folder / str(step) / "state", shapes)["params"]

    def record(self) -> dict[str, Any]:
        """The newest checkpoint's record alone. Raises DataMissingError as `restore` does."""
        step = self.latest_step()
        if step is None:
            raise DataMissingError(f"{self.folder} holds no complete checkpoint: train there first.")
        return self._manager.restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))["record"]

    def wait(self) -> None:
        """Until everything saved is on disk; raises what went wrong in writing it."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()
