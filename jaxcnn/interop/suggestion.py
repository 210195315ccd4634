"""Which experiment and variant a file of weights fits, where it doesn't fit the one that was asked for."""

import time
from collections.abc import Iterator

from jaxcnn.config.experiment import Experiment, load, names, variants
from jaxcnn.errors import JaxcnnError
from jaxcnn.interop.formats import Source

PATIENCE = 20.0  # seconds that the search may take: every network there is takes 40 on two cores


def fitting(source: Source, asked: Experiment) -> str | None:
    """The name of the experiment that needs the fewest changes to take these weights; None where none is found.

    Args:
      source: the file.
      asked: the experiment that they don't fit; its variants are tried first.
    """
    until = time.monotonic() + PATIENCE
    best: tuple[int, str] | None = None
    for experiment in _others(asked):
        if time.monotonic() > until:
            break
        if not source.plausible(experiment):
            continue
        try:
            converted = source.convert(experiment)
        except JaxcnnError:
            continue
        changes = sum(path.startswith("model.") for path in converted.overrides)
        if converted.fits and (best is None or changes < best[0]):
            best = changes, experiment.id
    return best[1] if best else None


def _others(asked: Experiment) -> Iterator[Experiment]:
    """Every experiment; first the variants of the one that was asked for."""
    for name in sorted(names(), key=lambda name: name != asked.name):
        for variant in variants(name):
            yield load(f"{name}:{variant}")
