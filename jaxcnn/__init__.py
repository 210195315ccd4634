"""The papers that built convolutional networks, executable in JAX.

    import jaxcnn

    experiment = jaxcnn.load("lenet5_1998")
    summary = jaxcnn.fit(experiment, data="digits", workdir="runs/first")
    errors = jaxcnn.evaluate("runs/first")
    classes = jaxcnn.predict("runs/first", ["one.png", "folder"])
    written = jaxcnn.look("runs/first")

The networks are Flax modules that stand alone: `from jaxcnn.models.alexnet import AlexNet`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxcnn.runtime import private_jax, xla_flags

if TYPE_CHECKING:
    from jaxcnn.config.experiment import Experiment, load, names, variants
    from jaxcnn.config.overrides import override
    from jaxcnn.inspection.look import look
    from jaxcnn.interop.export import export
    from jaxcnn.interop.import_weights import import_weights
    from jaxcnn.runs.evaluate import evaluate
    from jaxcnn.runs.fit import fit
    from jaxcnn.runs.predict import predict
    from jaxcnn.runs.report import report
    from jaxcnn.runs.trained import load_trained

__all__ = [
    "Experiment",
    "evaluate",
    "export",
    "fit",
    "import_weights",
    "load",
    "load_trained",
    "look",
    "names",
    "override",
    "predict",
    "report",
    "variants",
]

xla_flags.apply(too_late=private_jax.backends_are_initialized())

# Where each name is. They come when they are asked for: `launch.py` looks at the host's memory before JAX is there, and
# training brings Orbax, grain and TensorBoard's writer, two seconds that a look at a model needn't wait.
_HOMES = {
    **dict.fromkeys(("Experiment", "load", "names", "variants"), "jaxcnn.config.experiment"),
    "override": "jaxcnn.config.overrides",
    "fit": "jaxcnn.runs.fit",
    "evaluate": "jaxcnn.runs.evaluate",
    "export": "jaxcnn.interop.export",
    "import_weights": "jaxcnn.interop.import_weights",
    "load_trained": "jaxcnn.runs.trained",
    "look": "jaxcnn.inspection.look",
    "predict": "jaxcnn.runs.predict",
    "report": "jaxcnn.runs.report",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
