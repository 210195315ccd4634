"""What a network's inputs take from all training images together, for weights whose file doesn't hold it."""

from collections.abc import Callable
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.any_source import open_any
from jaxcnn.errors import DataMissingError
from jaxcnn.runs.initial_state import image_statistics
from jaxcnn.training.state import zero_statistics


def training_statistics(
    experiment: Experiment, progress: Callable[[str, int, int | None], None] | None = None
) -> dict[str, Any]:
    """The mean image or the whitening that an experiment's inputs need, of the training images of its data.

    Args:
      experiment: with its inputs.
      progress: called with (description, images so far, images in all).

    Returns:
      As `training.state.zero_statistics` has them; empty where the inputs need none.

    Raises:
      DataMissingError: the data isn't prepared.
    """
    if not zero_statistics(experiment.inputs):
        return {}
    whitens = experiment.inputs.whitening is not None
    what, instead = ("whitening", "inputs.whitening to None") if whitens else ("mean image", "inputs.mean to numbers")
    try:
        source = open_any(experiment.data, "train")
    except DataMissingError as error:
        raise DataMissingError(
            f"the file doesn't hold the {what} that {experiment.id} needs, which is made of all training images of "
            f"{experiment.data}, and those aren't there; set {instead}, or prepare the data: {error}"
        ) from error
    return image_statistics(experiment.inputs, source, progress=progress or (lambda *_: None))
