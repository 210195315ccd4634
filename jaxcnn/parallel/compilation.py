"""Compiling a program with this project's options for XLA."""

from typing import Any

import jax
from jax.stages import Compiled, Lowered

from jaxcnn.errors import UsageError

# XLA's default CPU fusion (YNNPACK) gives wrong numbers for some batched matrix products since jaxlib 0.10.2, and
# is several times slower on some weight gradients: it stays off. `launch.py doctor` runs the case.
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_experimental_ynn_fusion_type": ""}

# XLA's default order of instructions on CPU is for doing several at once: what is to be computed late, because it needs
# memory, is computed early.
SAVING_OPTIONS: dict[str, Any] = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}

# LLVM's level 1 instead of 3, for what runs once: the making of GoogLeNet's weights compiles in 6.5 s instead of 13.3,
# VGG-16's in 1.3 instead of 3.8, and the weights are the same to the bit. Steps don't compile faster by it.
ONCE_OPTIONS: dict[str, Any] = {"xla_backend_optimization_level": 1}


def check_compiling() -> None:
    """Raises UsageError where JAX was told not to compile: it can't run what is compiled ahead of time then."""
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        raise UsageError("JAX_DISABLE_JIT is set, and every step here is compiled ahead of time; unset it.")


def compile_step(lowered: Lowered, platform: str, *, save_memory: bool = False, runs_once: bool = False) -> Compiled:
    """Compiles with our options on CPU; an option that this jaxlib doesn't know is dropped.

    runs_once: compiling quickly matters more than running quickly. JAX's own setting, of less still, is left alone.

    Raises:
      UsageError: JAX was told not to compile.
    """
    check_compiling()
    once = ONCE_OPTIONS if runs_once and not jax.config.read("jax_disable_most_optimizations") else {}
    options = CPU_OPTIONS | (SAVING_OPTIONS if save_memory else {}) | once if platform == "cpu" else {}
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
