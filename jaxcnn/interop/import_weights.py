"""Weights from elsewhere as a run's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.config.serialize import to_json
from jaxcnn.errors import UsageError, nearest
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.formats import open_weights
from jaxcnn.interop.residual_order import ZEROS, Zeros
from jaxcnn.interop.suggestion import fitting
from jaxcnn.interop.training_statistics import training_statistics
from jaxcnn.runs.adopt import adopt, free_folder
from jaxcnn.runtime.paths import expanded

NAMED = 20  # arrays of a kind on a terminal
PREPROCESSING = ("size", "stored_size", "resize", "channels", "channel_order", "mean", "scale")


class WeightsDontFitError(UsageError):
    """A file's arrays aren't those of the network. `answer` lists every one that doesn't fit."""

    def __init__(self, message: str, answer: dict[str, Any]) -> None:
        super().__init__(message)
        self.answer = answer


def import_weights(
    experiment: Experiment,
    file: str | Path,
    workdir: str | Path,
    *,
    zeros: Zeros = "both",
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Makes a run's folder of a file of weights, which `evaluate`, `predict`, `export` and `init_from` take.

    What differs between the file's conventions and ours is carried over so that the network is the same function; what
    was done is in the answer. The preprocessing that the weights want becomes that of the run.

    Args:
      experiment: whose network the weights are for. Fields that were set in it (`override`) are left as they are.
      file: PyTorch's `.pth`, `.pt` or `.th`; `.safetensors`; Keras's `.h5`, `.weights.h5` or
        `.keras`; Caffe's `.caffemodel`. Its content decides, not its name.
      workdir: a folder that doesn't exist yet, or is empty.
      zeros: where a network for CIFAR has the zeros of shortcut A, which no file says: on "both" sides of the channels,
        as in the usual code, or "behind" them, as in ours.
      progress: called with (description, images so far, images in all), where a whitening is computed.

    Returns:
      {"experiment", "variant", "from", "format", "family", "loaded" (how many arrays of the network), "missing",
      "unexpected", "wrong_shape" (all empty), "adapted", "preprocessing", "workdir"}.

    Raises:
      WeightsDontFitError: names or shapes don't fit; nothing is written.
      UsageError: a value is wrong, the file would run code, or it is of no known format.
      DataMissingError: there is no such file, or it is damaged; or the inputs need a whitening or a mean image that it
        doesn't hold, and the training images aren't there to compute it.
      JaxcnnError: the format needs a package that isn't installed; the disk is full.
    """
    if zeros not in ZEROS:
        raise UsageError(f"zeros (={zeros!r}): {nearest(str(zeros), list(ZEROS))}")
    path, folder = Path(expanded(file, "--from")), free_folder(workdir)
    source = open_weights(path, zeros=zeros)
    converted = source.convert(experiment)
    answer = {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "from": str(path),
        "format": converted.format,
        "family": converted.family,
        "loaded": 0,
        "missing": list(converted.missing),
        "unexpected": list(converted.unexpected),
        "wrong_shape": list(converted.wrong_shape),
        "adapted": list(converted.adapted),
        "preprocessing": {},
        "workdir": str(folder),
    }
    if not converted.fits:
        better = fitting(source, experiment)
        raise WeightsDontFitError(refusal(experiment, path, converted, better), answer | {"suggestion": better})
    changed = apply_changes(experiment, converted.overrides.items())
    origin = {name: answer[name] for name in ("from", "format", "family", "adapted")}
    variables = converted.variables
    if "statistics" not in variables:
        variables = {**variables, "statistics": training_statistics(changed, progress)}
    adopt(changed, variables, folder, class_names=converted.class_names, origin=origin)
    loaded = len(jax.tree.leaves((converted.variables["params"], converted.variables.get("batch_stats", {}))))
    preprocessing = {name: to_json(getattr(changed.inputs, name)) for name in PREPROCESSING}
    return answer | {"loaded": loaded, "preprocessing": preprocessing}


def refusal(experiment: Experiment, file: Path, converted: Converted, better: str | None) -> str:
    """What to say of a file that doesn't fit: a line with what to do, then a line for each array, up to `NAMED`."""
    kinds = {
        "missing": converted.missing,
        "unexpected": converted.unexpected,
        "of the wrong shape": converted.wrong_shape,
    }
    counts = ", ".join(f"{len(arrays):,} {kind}" for kind, arrays in kinds.items() if arrays)
    advice = f"they fit --exp={better}" if better else "no variant of any experiment was found that they fit"
    lines = [f"the weights in {file} aren't those of {experiment.id} ({counts}); {advice}. Nothing was written."]
    for kind, arrays in kinds.items():
        lines += [f"  {kind.removeprefix('of the ')}: {array}" for array in arrays[:NAMED]]
        if len(arrays) > NAMED:
            lines.append(f"  {kind.removeprefix('of the ')}: {len(arrays) - NAMED:,} more, which --json lists")
    return "\n".join(lines)
