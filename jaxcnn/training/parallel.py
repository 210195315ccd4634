"""How a step runs on all local devices: `jit` over a mesh, or `pmap`; and what the CPU compiler is told.

Both take the state replicated and the batch divided, and give the state back replicated, so nothing else in the
house knows which of them ran.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.stages import Compiled, Lowered

from jaxcnn.errors import UsageError
from jaxcnn.models.layers import BATCH_AXIS

Tree = Any
Mode = Literal["jit", "pmap"]

# XLA's default CPU fusion (YNNPACK) gives wrong numbers for some batched matrix products in jaxlib 0.10.2, and
# is several times slower on some weight gradients: it stays off. `launch.py doctor` runs the case.
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_experimental_ynn_fusion_type": ""}


def compile_step(lowered: Lowered, platform: str) -> Compiled:
    """Compiles with our options on CPU; an option that this jaxlib doesn't know is dropped."""
    options = dict(CPU_OPTIONS) if platform == "cpu" else {}
    while options:
        try:
            return lowered.compile(compiler_options=options)
        except Exception as error:
            unknown = [name for name in options if name in str(error)]
            if "No such compile option" not in str(error) or not unknown:
                raise
            for name in unknown:
                del options[name]
    return lowered.compile()


class Devices:
    """The devices of a run, laid out along one axis over which each batch is divided."""

    def __init__(self, mode: Mode = "jit", devices: Sequence[Any] | None = None) -> None:
        self.mode: Mode = mode
        self.devices = list(devices or jax.devices())
        self.mesh = jax.make_mesh(
            (len(self.devices),), (BATCH_AXIS,), axis_types=(AxisType.Auto,), devices=self.devices
        )
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.divided = NamedSharding(self.mesh, PartitionSpec(BATCH_AXIS))

    @property
    def platform(self) -> str:
        return self.devices[0].platform

    @property
    def axis_name(self) -> str | None:
        """What a step averages over by itself; under `jit` the compiler does it."""
        return BATCH_AXIS if self.mode == "pmap" else None

    def check_batch_size(self, batch_size: int, *, what: str = "batch_size") -> None:
        """Raises UsageError unless the batch divides evenly over the devices."""
        count = len(self.devices)
        if batch_size % count:
            below, above = batch_size // count * count, -(-batch_size // count) * count
            use = f"use {below} or {above}" if below else f"use {above}"
            raise UsageError(f"{what} (={batch_size}) must divide evenly over {count} devices; {use}.")

    def replicate(self, tree: Tree) -> Tree:
        """The whole tree on every device."""
        return jax.device_put(tree, self.replicated)

    def divide(self, batch: Tree) -> Tree:
        """Host arrays [batch, …] as device arrays, each device holding an equal part of the rows."""
        if self.mode == "pmap":
            count = len(self.devices)
            batch = jax.tree.map(lambda rows: np.reshape(rows, (count, -1, *rows.shape[1:])), batch)
        return jax.device_put(batch, self.divided)

    def compile(self, step: Callable, state: Tree, batch: Tree, *resident: Tree) -> Compiled:
        """Compiles `step(state, batch, *resident) -> (state, …)` for these arguments (arrays or their shapes).

        The state is donated. `batch` is as `divide` gives it; `resident` arrays are replicated.
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
            return compile_step(mapped.lower(state, batch, *resident), self.platform)
        jitted = jax.jit(
            step,
            in_shardings=(self.replicated, self.divided, *(self.replicated for _ in resident)),
            out_shardings=self.replicated,
            donate_argnums=(0,),
        )
        return compile_step(jitted.lower(state, batch, *resident), self.platform)

    def compile_evaluation(self, step: Callable, variables: Tree, batch: Tree, *, rows: bool = False) -> Compiled:
        """Compiles `step(variables, batch) -> sums` by `jit`, in both modes. `batch` as `divide_rows` gives it.

        rows: the step gives arrays [batch, …] instead, which stay divided.
        """
        results = self.divided if rows else self.replicated
        jitted = jax.jit(step, in_shardings=(self.replicated, self.divided), out_shardings=results)
        return compile_step(jitted.lower(variables, batch), self.platform)

    def divide_rows(self, batch: Tree) -> Tree:
        """Host arrays [batch, …] divided by rows, in both modes."""
        return jax.device_put(batch, self.divided)


COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


def count_collectives(compiled: Compiled) -> dict[str, int]:
    """How often each kind of communication stands in a compiled program."""
    text = compiled.as_text() or ""
    found = Counter(re.findall(rf"\b({'|'.join(COLLECTIVES)})(?:-start)?\(", text))
    return {name: found[name] for name in COLLECTIVES if found[name]}
