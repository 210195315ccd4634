"""The one compiler flag that code outside our own `jit` calls needs, set before the first device is touched.

On CPU, the default fusion of jaxlib 0.10.2 to 0.12.0.1 gives wrong numbers for some batched matrix products. Our
own steps are compiled with an option against it (`training.parallel`); eager operations, notebooks and other libraries
are reached only by XLA_FLAGS, which XLA reads once, when the first device is touched.
"""

import importlib.metadata
import os
import warnings

CURE = "--xla_cpu_experimental_ynn_fusion_type="
# Each was run, and has both the fault and the flag (0.10.0 and 0.10.1 compute rightly). An unknown flag would abort the
# process, so others stay as they are; `launch.py doctor` shows whether one of them computes rightly.
AFFECTED = {"0.10.2", "0.11.0", "0.11.1", "0.11.2", "0.12.0", "0.12.0.1"}


def apply(*, too_late: bool) -> None:
    """Appends the cure to XLA_FLAGS on an affected jaxlib, unless the user has set that flag already.

    Args:
      too_late: a device has been touched already, so that XLA won't read the flag any more.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    name = CURE.split("=")[0]
    if importlib.metadata.version("jaxlib") not in AFFECTED or name in flags:
        return
    if too_late:
        warnings.warn(
            f"jaxcnn was imported after the first use of a device: on CPU, this jaxlib may compute wrong numbers "
            f"outside jaxcnn's own steps. Import jaxcnn first, or set XLA_FLAGS={CURE}",
            stacklevel=3,
        )
        return
    os.environ["XLA_FLAGS"] = f"{flags} {CURE}".strip()
