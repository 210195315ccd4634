"""The papers that built convolutional networks, executable in JAX.

    import jaxcnn

    experiment = jaxcnn.load("lenet5_1998")
    summary = jaxcnn.fit(experiment, data="digits", workdir="runs/first")
    errors = jaxcnn.evaluate("runs/first")

The networks are Flax modules that stand alone: `from jaxcnn.models.alexnet import AlexNet`.
"""

from typing import TYPE_CHECKING

from jax._src import xla_bridge  # there is no public way to ask whether a device has been touched

from jaxcnn import xla_flags

xla_flags.apply(too_late=xla_bridge.backends_are_initialized())

from jaxcnn.experiment import Experiment, load, names, variants  # noqa: E402  (after the flag is set)
from jaxcnn.override import override  # noqa: E402

if TYPE_CHECKING:
    from jaxcnn.evaluation.workdir import evaluate
    from jaxcnn.training.loop import fit

__all__ = ["Experiment", "evaluate", "fit", "load", "names", "override", "variants"]


def __getattr__(name: str):
    # Training brings Orbax, grain and TensorBoard's writer: two seconds that a look at a model needn't wait.
    if name == "fit":
        from jaxcnn.training.loop import fit

        return fit
    if name == "evaluate":
        from jaxcnn.evaluation.workdir import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
