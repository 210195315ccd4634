"""Flags that must be set through XLA_FLAGS, which XLA reads at the first use of a device.

Fusion: on CPU, the default fusion of jaxlib 0.10.2 to 0.12.0.1 computes some batched matrix products wrongly. Our own
steps are compiled without it (`parallel.compilation`); XLA_FLAGS also covers eager operations and other libraries.

Timeouts: simulated devices share cores. XLA aborts the process (status 134) if one of them waits a minute for others
in a collective operation, which happens on a busy machine or in a large step.
"""

import importlib.metadata
import os
import warnings

CURE = "--xla_cpu_experimental_ynn_fusion_type="
# These versions were tested and have both the error and the flag (0.10.0 and 0.10.1 compute correctly). Other versions
# aren't changed, because an unknown flag would abort the process; `launch.py doctor` tests whether they are correct.
AFFECTED = {"0.10.2", "0.11.0", "0.11.1", "0.11.2", "0.12.0", "0.12.0.1"}

SIMULATED = "--xla_force_host_platform_device_count"
# Seconds until XLA reports that a device may be stuck, and from then until it aborts (defaults: 20 and 40).
PATIENCE = (
    "--xla_cpu_collective_call_warn_stuck_timeout_seconds=300",
    "--xla_cpu_collective_call_terminate_timeout_seconds=3600",
)
PATIENT = AFFECTED | {"0.10.0", "0.10.1"}  # versions tested with these flags


def apply(*, too_late: bool) -> None:
    """Appends the flags that this jaxlib and these devices need to XLA_FLAGS, unless the user has set them.

    Args:
      too_late: whether a device was already used, so that XLA won't read the flags any more. Only the flag that keeps
        numbers right is warned of then.
    """
    jaxlib, flags = importlib.metadata.version("jaxlib"), os.environ.get("XLA_FLAGS", "")
    simulated = SIMULATED in flags or "JAX_NUM_CPU_DEVICES" in os.environ
    wanted = [*(PATIENCE if simulated and jaxlib in PATIENT else ()), *((CURE,) if jaxlib in AFFECTED else ())]
    missing = [flag for flag in wanted if flag.split("=")[0] not in flags]
    if not too_late and missing:
        os.environ["XLA_FLAGS"] = " ".join([flags, *missing]).strip()
    elif CURE in missing:
        warnings.warn(
            f"jaxcnn was imported after the first use of a device: on CPU, this jaxlib may compute wrong numbers "
            f"outside jaxcnn's own steps. Import jaxcnn first, or set XLA_FLAGS={CURE}",
            stacklevel=3,
        )
