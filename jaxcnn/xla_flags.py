"""XLA's flags that have no other way in, set before the first device is touched, when XLA reads XLA_FLAGS.

The cure: on CPU, the default fusion of jaxlib 0.10.2 to 0.12.0.1 gives wrong numbers for some batched matrix products.
Our own steps are compiled with an option against it (`training.parallel`); eager operations, notebooks and other
libraries are reached only by XLA_FLAGS.

Patience: simulated devices take turns on the same cores. XLA aborts the process (status 134) where one of them waits a
minute for the others at a sum, as it does on a busy machine or in a large step.
"""

import importlib.metadata
import os
import warnings

CURE = "--xla_cpu_experimental_ynn_fusion_type="
# Each was run, and has both the fault and the flag (0.10.0 and 0.10.1 compute rightly). An unknown flag would abort the
# process, so others stay as they are; `launch.py doctor` shows whether one of them computes rightly.
AFFECTED = {"0.10.2", "0.11.0", "0.11.1", "0.11.2", "0.12.0", "0.12.0.1"}

SIMULATED = "--xla_force_host_platform_device_count"
# Seconds until XLA writes that a device may be stuck, and from then until it aborts (its own: 20 and 40).
PATIENCE = (
    "--xla_cpu_collective_call_warn_stuck_timeout_seconds=300",
    "--xla_cpu_collective_call_terminate_timeout_seconds=3600",
)
PATIENT = AFFECTED | {"0.10.0", "0.10.1"}  # each was run with these flags


def apply(*, too_late: bool) -> None:
    """Appends what this jaxlib and these devices need to XLA_FLAGS, but no flag that the user has set already.

    Args:
      too_late: a device has been touched already, so that XLA won't read the flags any more. Of the cure that is
        warned of, as it decides whether numbers are right.
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
