"""Compiling a program with this project's options for XLA."""

from typing import Any

import jax
from jax.stages import Compiled, Lowered

from jaxcnn.errors import UsageError

# Turns off XLA's default CPU fusion (YNNPACK), which since jaxlib 0.10.2 computes some batched matrix products wrongly
# and some weight gradients several times slower. `launch.py doctor` tests for the error.
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_experimental_ynn_fusion_type": ""}

# By default XLA orders instructions on CPU for concurrency, and computes early what should come late to save memory.
SAVING_OPTIONS: dict[str, Any] = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}

# LLVM's optimization level 1 instead of 3, for programs that run once, such as weight initialization: these compile in
# half the time or less, with bit-equal results. Train steps don't compile faster.
ONCE_OPTIONS: dict[str, Any] = {"xla_backend_optimization_level": 1}


def check_compiling() -> None:
    """Raises UsageError if JAX's compilation is disabled, because it can't run ahead-of-time compiled programs then."""
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        raise UsageError("JAX_DISABLE_JIT is set, and every step here is compiled ahead of time; unset it.")


def compile_step(lowered: Lowered, platform: str, *, save_memory: bool = False, runs_once: bool = False) -> Compiled:
    """Compiles a lowered program, on CPU with our options; options unknown to this jaxlib are dropped.

    Args:
      lowered: the program.
      platform: the platform that it was lowered for.
      save_memory: prefer an order of instructions that needs less memory.
      runs_once: prefer fast compilation to fast execution, unless JAX is configured for even less optimization.

    Raises:
      UsageError: JAX's compilation is disabled.
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
