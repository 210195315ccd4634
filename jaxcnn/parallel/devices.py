"""How a step runs on all devices: `jit` over a mesh, or `pmap`.

Both take the batch divided and the state replicated (but for towers that `--mesh` divides), and return the state
in the same layout, so no other code depends on which of them runs.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax.stages import Compiled, Lowered

from jaxcnn.errors import UsageError
from jaxcnn.models.kernels.backend import compiled_for
from jaxcnn.models.sharding.towers import BATCH_AXIS, TOWER_AXIS
from jaxcnn.parallel import coordination
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.mesh import placement

Tree = Any
Mode = Literal["jit", "pmap"]


class Devices:
    """The devices of a run: along one axis each batch is divided, along another one a network's towers, if asked for.

    Under `jax.distributed` they are those of all processes, and each process supplies its own rows of a batch.
    """

    def __init__(
        self,
        mode: Mode = "jit",
        devices: Sequence[Any] | None = None,
        *,
        model: int = 1,
        tower_axes: Mapping[str, int] | None = None,
    ) -> None:
        """
        Args:
          mode: "jit", or "pmap" with batch statistics per device.
          devices: by default all of them.
          model: over how many the towers are divided; the rest divides the batch.
          tower_axes: parameter → the axis that is divided, as `mesh.tower_axes` gives it.
        """
        self.mode: Mode = mode
        self.devices = list(devices or jax.devices())
        self.processes = len({device.process_index for device in self.devices})
        self.batch_parts = len(self.devices) // model  # into how many parts a batch is divided
        self._towers, self._tower_axes = model, dict(tower_axes or {})
        shape, names = (self.batch_parts, model), (BATCH_AXIS, TOWER_AXIS)
        axis_types = (AxisType.Auto, AxisType.Auto)
        if self.processes == 1:
            self.mesh = jax.make_mesh(shape, names, axis_types=axis_types, devices=self.devices)
        else:  # in the order of processes, so that each has neighbouring rows of a batch
            if mode == "pmap":
                raise UsageError("--parallel=pmap runs in one process; use --parallel=jit with --distributed.")
            self.devices.sort(key=lambda device: (device.process_index, device.id))
            self.mesh = Mesh(np.array(self.devices).reshape(shape), names, axis_types=axis_types)
        self.shard = rows_of_process(self.mesh, jax.process_index())  # as `loading.pipeline.train_batches` takes it
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.divided = NamedSharding(self.mesh, PartitionSpec(BATCH_AXIS))

    @property
    def platform(self) -> str:
        return self.devices[0].platform

    @property
    def model_parts(self) -> int:
        """Over how many devices a network's towers are divided; 1 where they aren't."""
        return self._towers

    @property
    def described(self) -> str:
        """For a person, as in "8 × gpu in 2 processes"."""
        towers = f" ({BATCH_AXIS}={self.batch_parts}, {TOWER_AXIS}={self._towers})" if self._towers > 1 else ""
        several = f" in {self.processes} processes" if self.processes > 1 else ""
        return f"{len(self.devices)} × {self.platform}{towers}{several}"

    @property
    def axis_name(self) -> str | None:
        """The axis over which a step averages explicitly; under `jit` the compiler does it."""
        return BATCH_AXIS if self.mode == "pmap" else None

    def check_batch_size(self, batch_size: int, *, accumulate: int = 1, what: str = "batch_size") -> None:
        """Raises UsageError unless the batch divides evenly over the devices, and each part into micro-batches."""
        parts = self.batch_parts * accumulate
        if batch_size % parts:
            below, above = batch_size // parts * parts, -(-batch_size // parts) * parts
            use = f"use {below} or {above}" if below else f"use {above}"
            over = f"{len(self.devices)} devices" + (f" × accumulate (={accumulate})" if accumulate > 1 else "")
            raise UsageError(f"{what} (={batch_size}) must divide evenly over {over}; {use}.")

    def placement(self, tree: Tree) -> Tree:
        """The sharding of every leaf of a state, or of a part of one; on every device, but for the towers' own."""
        return placement(tree, self.mesh, self._tower_axes)

    def place(self, tree: Tree) -> Tree:
        """A state, or a part of one, laid out as `placement` says."""
        return jax.device_put(tree, self.placement(tree))

    def replicate(self, tree: Tree) -> Tree:
        """The whole tree on every device; each process supplies all of it."""
        if self.processes == 1:
            return jax.device_put(tree, self.replicated)
        return jax.tree.map(lambda leaf: self._assemble(self.replicated, leaf, np.shape(leaf)), tree)

    def gather(self, tree: Tree) -> Tree:
        """Arrays of any layout with all their values on every device, so that each process can read them."""
        if all(leaf.is_fully_replicated for leaf in jax.tree.leaves(tree)):
            return tree
        return jax.jit(lambda leaves: leaves, out_shardings=self.replicated)(tree)

    def own_rows(self, batch: Tree) -> Tree:
        """This process's rows of host arrays [batch, …]."""
        index, count = self.shard
        return jax.tree.map(lambda rows: rows[index * len(rows) // count : (index + 1) * len(rows) // count], batch)

    def shard_batch(self, batch: Tree) -> Tree:
        """This process's rows of a batch as device arrays, each device holding an equal part of the rows."""
        if self.mode == "pmap":
            count = self.batch_parts
            batch = jax.tree.map(lambda rows: np.reshape(rows, (count, -1, *rows.shape[1:])), batch)
        return self.shard_rows(batch)

    def shard_rows(self, batch: Tree) -> Tree:
        """The same without `pmap`'s leading axis, in both modes."""
        if self.processes == 1:
            return jax.device_put(batch, self.divided)
        count = self.shard[1]

        def assemble(rows: np.ndarray) -> jax.Array:
            return self._assemble(self.divided, rows, (len(rows) * count, *rows.shape[1:]))

        return jax.tree.map(assemble, batch)

    def _assemble(self, sharding: NamedSharding, values: Any, shape: tuple[int, ...]) -> jax.Array:
        with jax.transfer_guard("allow"):  # JAX 0.10 takes this call for an implicit transfer
            return jax.make_array_from_process_local_data(sharding, np.asarray(values), shape)

    def lower(self, jitted: Any, *arguments: Tree) -> Lowered:
        """Traces a function of `jax.jit` or `jax.pmap` for these devices: its layers take the kernels for them."""
        with compiled_for(self.platform, len(self.devices)):
            return jitted.lower(*arguments)

    def _lower_divided(self, jitted: Any, *arguments: Tree) -> Lowered:
        """The same; the network knows that its towers are divided, where they are (`models.sharding.towers`)."""
        with jax.set_mesh(self.mesh) if self._towers > 1 else contextlib.nullcontext():
            return self.lower(jitted, *arguments)

    def compile(self, step: Callable, state: Tree, batch: Tree, *resident: Tree, save_memory: bool = False) -> Compiled:
        """Compiles `step(state, batch, *resident) -> (state, …)` for these arguments (arrays or their shapes).

        The state is donated. `batch` is as `shard_batch` gives it; `resident` arrays are replicated.
        save_memory: rather than time, on CPU (`Experiment.saves_memory`).
        """
        if self.mode == "pmap":
            mapped = jax.pmap(
                step,
                axis_name=BATCH_AXIS,
                in_axes=(None, 0, *(None for _ in resident)),
                out_axes=None,
                devices=self.devices,
                donate_argnums=(0,),
            )
            return compile_step(self.lower(mapped, state, batch, *resident), self.platform, save_memory=save_memory)
        laid_out = self.placement(state)
        jitted = jax.jit(
            step,
            in_shardings=(laid_out, self.divided, *(self.replicated for _ in resident)),
            out_shardings=(laid_out, self.replicated) if self._towers > 1 else self.replicated,
            donate_argnums=(0,),
        )
        lowered = self._lower_divided(jitted, state, batch, *resident)
        return self._compile_everywhere(lowered, save_memory=save_memory)

    def compile_evaluation(
        self, step: Callable, variables: Tree, batch: Tree, *, rows: bool = False, sums_and_rows: bool = False
    ) -> Compiled:
        """Compiles `step(variables, batch) -> sums` by `jit`, in both modes. `batch` as `shard_rows` gives it.

        rows: the step gives arrays [batch, …] instead, which stay divided, but over several processes.
        sums_and_rows: it gives both, as a pair.
        """
        divided = self.divided if self.processes == 1 else self.replicated
        results = (self.replicated, divided) if sums_and_rows else divided if rows else self.replicated
        jitted = jax.jit(step, in_shardings=(self.placement(variables), self.divided), out_shardings=results)
        return self._compile_everywhere(self._lower_divided(jitted, variables, batch))

    def _compile_everywhere(self, lowered: Lowered, *, save_memory: bool = False) -> Compiled:
        compiled = compile_step(lowered, self.platform, save_memory=save_memory)
        coordination.meet()
        return compiled


def rows_of_process(mesh: Mesh, process: int) -> tuple[int, int]:
    """(index, count): a process holds the index-th of `count` equal parts of every batch's rows.

    Processes whose devices stand beside each other on the towers' axis hold the same rows.
    """
    places = [place for place, devices in enumerate(mesh.devices) if process in {d.process_index for d in devices}]
    assert places == list(range(places[0], places[-1] + 1)) and not places[0] % len(places), "neighbouring rows"
    return places[0] // len(places), len(mesh.devices) // len(places)
