"""Predicting the classes of images by what a run's folder holds, with the answers written as CSV on the way."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from jaxcnn.data.image_files import printable
from jaxcnn.data.loading.images import ImageList, Images, open_images
from jaxcnn.errors import UsageError
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.reporting.csv_file import check_writable, csv_file
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.predictor import Prediction, check_top
from jaxcnn.runs.trained import TrainedNetwork, load_trained
from jaxcnn.runtime.paths import expanded


def predict(
    trained: str | Path | TrainedNetwork,
    images: Images,
    top: int = 5,
    *,
    csv: str | Path | None = None,
    display: Display | None = None,
) -> list[Prediction]:
    """The most probable classes of images, by the preprocessing that the network was trained with.

    An image becomes the square that `evaluate` sees, of which the central crop is shown to the network; it is turned as
    its EXIF data says, and what is transparent becomes white. Many images are decoded on threads ahead of the devices.

    Args:
      trained: a run's folder, or what `load_trained` gave.
      images: files, folders with all images below them, and uint8 arrays [h, w] or [h, w, 1, 3 or 4]; one of these,
        several, or one array [images, h, w, channels].
      top: how many classes to name for each image; all, if there are fewer.
      csv: also write the answers to this file, which appears when all of them are there.
      display: shows progress; by default nothing is shown.

    Returns:
      For each image, in order: {"image", "top": [{"label", "name", "probability"}]}, the most probable class first, or
      {"image", "error"} where it can't be read. The probabilities are the softmax of the network's outputs.

    Raises:
      UsageError: a file or folder isn't there, an array is no image, `top` isn't positive, or the CSV file can't be
        written.
      DataMissingError, JaxcnnError: see `load_trained`; the disk is full; there isn't enough memory.
    """
    return list(predictions(trained, images, top, csv=csv, display=display))


def predictions(
    trained: str | Path | TrainedNetwork,
    images: Images,
    top: int = 5,
    *,
    csv: str | Path | None = None,
    display: Display | None = None,
) -> Iterator[Prediction]:
    """The same, one answer after the other, for more images than answers fit into memory.

    The network is loaded, and all but the images themselves checked, before this returns.
    """
    check_compiling()
    check_top(top)
    display = display or Silent()
    opened = open_images(images)
    path = None if csv is None else checked_csv(csv, opened)
    if opened.skipped:
        display.message(f"note: {opened.skipped:,} files in the folders aren't images, and were left out.")
    network = trained if isinstance(trained, TrainedNetwork) else load_trained(trained)
    answers = network.predictor(opened, top=top, display=display)
    return answers if path is None else written(answers, path, min(top, len(network.names)))


def checked_csv(csv: str | Path, images: ImageList) -> str:
    """The path of a CSV file. Raises UsageError where it can't be written, or is one of the images."""
    path = expanded(csv, "--csv")
    check_writable(path)
    if os.path.exists(path) and any(isinstance(image, str) and _is_same(image, path) for image in images.sources):
        raise UsageError(f"--csv={printable(path)} is one of the images; choose another name.")
    return path


def _is_same(image: str, path: str) -> bool:
    try:
        return os.path.samefile(image, path)
    except OSError:  # a link to nothing
        return False


def written(predictions: Iterable[Prediction], path: str, top: int) -> Iterator[Prediction]:
    """Passes the predictions on, and writes each as a row of a CSV file: the image, the error, then the classes.

    Args:
      predictions: with `top` classes each, or an error.
      path: of the file.
      top: how many classes there are columns for.
    """
    places = [f"{field}_{place}" for place in range(1, top + 1) for field in ("label", "name", "probability")]
    with csv_file(path) as write:
        write(["image", "error", *places])
        for prediction in predictions:
            entries = prediction.get("top", [{}] * top)
            cells = [entry.get(field, "") for entry in entries for field in ("label", "name", "probability")]
            write([printable(prediction["image"]), printable(prediction.get("error", "")), *cells])
            yield prediction
