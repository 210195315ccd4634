"""A look into a run's network: one page of HTML with its filters, its states, where it looks and what it finds alike.

jaxcnn.look("runs/first")                                  # some of the run's test images
jaxcnn.look("runs/first", ["cat.jpg", "photos/"])
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.images import Images
from jaxcnn.errors import UsageError
from jaxcnn.inspection.effort import Effort
from jaxcnn.inspection.findings import Investigation, passes
from jaxcnn.inspection.methods.occlusion import positions_along
from jaxcnn.inspection.methods.retrieval import ON_THE_MAP, flattened_by_pca, flattened_by_tsne, nearest
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.programs import Surveyed
from jaxcnn.inspection.sections.album import Album
from jaxcnn.inspection.sections.filters import filters_section
from jaxcnn.inspection.sections.maps import maps_section
from jaxcnn.inspection.sections.patches import patches_section
from jaxcnn.inspection.sections.retrieval import Neighbours, Plane, retrieval_section
from jaxcnn.inspection.sections.saliency import saliency_section
from jaxcnn.inspection.subjects import DataAround, Subjects, data_around, read_named, right_and_wrong
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.reporting.pages.page import Section, page, write_page
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.folder import local_folder
from jaxcnn.runs.trained import load_trained, saved_experiment
from jaxcnn.training.out_of_memory import MORE, reporting_out_of_memory

MOST = 8  # images that are looked at one by one


def look(
    workdir: str | Path,
    images: Images | tuple[()] = (),
    *,
    output: str | Path | None = None,
    seed: int = 0,
    data: str | None = None,
    data_dir: str | None = None,
    experiment: Experiment | None = None,
    display: Display | None = None,
) -> dict[str, Any]:
    """Writes a page about what the network of a run's newest checkpoint has learnt. The same call writes the same page.

    Args:
      workdir: the run's folder.
      images: as for `predict`, of which the first eight are looked at; by default four of the run's test images, half
        of them classified wrongly, if there are such.
      output: the page's folder, for index.html and its images; by default the folder "look" of the run's.
      seed: which images of the data and which units are drawn; the start of t-SNE.
      data: another data set than the run's, as for `fit`, to find patches and neighbours in.
      data_dir: where TFDS's data sets are.
      experiment: as for `load_trained`.
      display: shows progress; by default nothing is shown.

    Returns:
      {"experiment", "variant", "step", "page", "data", "images", "errors"}: the file of the page, the name of the data,
      the names of the images, and {"image", "error"} for each that can't be read.

    Raises:
      UsageError: the folder is no run's, an image isn't there, the output can't be written, or the network isn't built
        of this project's layers.
      DataMissingError: there is no checkpoint, or `data` isn't there.
      JaxcnnError: none of the images can be read; see also `load_trained`.
    """
    check_compiling()
    display = display or Silent()
    check_seed(seed)
    folder = local_folder(workdir)
    saved = saved_experiment(folder)
    target = writable_folder(Path(output) if output is not None else folder / "look")
    network = OpenedNetwork(load_trained(folder, experiment=experiment))
    _ = network.graph  # refuses a network that it doesn't know before images are read
    named, errors = (None, []) if _is_nothing(images) else read_named(images, network)  # pyright: ignore[reportArgumentType]
    around = data_around(network, saved, seed, data=data, data_dir=data_dir)
    if around.note:
        display.message(f"note: {around.note}")
    with reporting_out_of_memory("looking into the network", lambda: f"{MORE}."):
        album, sections, shown = investigate(network, named, around, seed, display)
    trained = network.trained
    title = f"A look into {trained.experiment.id}"
    write(target, page(title, sections, lead=lead(network, around, seed)), album)
    return {
        "experiment": trained.experiment.name,
        "variant": trained.experiment.variant,
        "step": trained.step,
        "page": str(target / "index.html"),
        "data": around.name,
        "images": list(shown.names),
        "errors": errors,
    }


def investigate(
    network: OpenedNetwork, named: Subjects | None, around: DataAround, seed: int, display: Display
) -> tuple[Album, list[Section], Subjects]:
    """The images and the sections of the page, and the images that were looked at."""
    count = min(MOST, len(named)) if named is not None else 4
    effort = Effort(display, passes(network, count, len(around.train) + (0 if named else len(around.test))))
    investigation, album = Investigation(network, effort, seed), Album()
    shown = named.chosen(range(count)) if named is not None else chosen_of(around, investigation)
    if named is not None and len(named) > MOST:
        display.message(f"note: the first {MOST} of {len(named):,} images are looked at.")
    inputs, gallery = investigation.inputs(shown), investigation.inputs(around.train)
    surveyed = investigation.survey(gallery, "going through the data")
    own = investigation.survey(inputs, "going through the images")
    explained = investigation.explained(inputs, own.scores.argmax(axis=1))
    described, pixels = f"{around.name}, {len(around.train):,} training images", network.pixels(around.train.squares)
    sections = [
        filters_section(network, album),
        patches_section(investigation.patches(gallery, surveyed), pixels, described, album),
        maps_section(network, shown.titles, explained.maps, explained.scores, album),
        saliency_section(
            network,
            investigation.looked(shown, inputs, explained, own),
            positions_along(network.macs, len(inputs)),
            album,
        ),
        alike(network, shown, own, around.train, surveyed, seed, described, album),
    ]
    effort.finish()
    return album, sections, shown


def chosen_of(around: DataAround, investigation: Investigation) -> Subjects:
    """Some images of the test set, right and wrong ones."""
    scores = investigation.survey(investigation.inputs(around.test), "going through test images").scores
    return right_and_wrong(around.test, scores)


def alike(
    network: OpenedNetwork,
    shown: Subjects,
    own: Surveyed,
    gallery: Subjects,
    surveyed: Surveyed,
    seed: int,
    described: str,
    album: Album,
) -> Section:
    """The section of the nearest images and the planes."""
    numbers, distances = nearest(own.hidden, surveyed.hidden)
    found = [Neighbours(*row) for row in zip(shown.titles, numbers, distances, strict=True)]
    features = surveyed.hidden[:ON_THE_MAP]
    by_pca, share = flattened_by_pca(features)
    pca = f"{len(features):,} images by the two principal components, which hold {100 * share:.0f} % of the variance."
    tsne = f"{len(features):,} images by t-SNE, which keeps neighbours together; distances between groups mean little."
    planes = [Plane("PCA", by_pca, pca), Plane("t-SNE", flattened_by_tsne(features, seed), tsne)]
    names = [None if label is None else network.trained.names[label] for label in gallery.labels]
    pixels = network.pixels(gallery.squares)
    queries = network.pixels(shown.squares)
    return retrieval_section(network.last_hidden.name, found, queries, pixels, names, planes, described, album)


def lead(network: OpenedNetwork, around: DataAround, seed: int) -> str:
    """What stands below the title."""
    trained = network.trained
    text = f"{trained.experiment.id} after {trained.step:,} steps; data: {around.name}; seed {seed}."
    return f"{text} {around.note}" if around.note else text


def check_seed(seed: int) -> None:
    """Raises UsageError unless the seed is one that NumPy and scikit-learn take."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise UsageError(f"seed (={seed!r}) must be a whole number from 0 to {2**32 - 1}.")


def writable_folder(folder: Path) -> Path:
    """The folder, made if it isn't there. Raises UsageError where it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {folder}: {error.strerror}; choose another --output.") from error
    return folder


def write(folder: Path, content: str, album: Album) -> None:
    """Writes the images, then the page. Raises UsageError where one can't be written."""
    for name, image in album.files.items():
        try:
            (folder / name).write_bytes(image)
        except OSError as error:
            raise UsageError(f"can't write {folder / name}: {error.strerror}; choose another --output.") from error
    write_page(folder / "index.html", content)


def _is_nothing(images: Images | Sequence[Any]) -> bool:
    return isinstance(images, list | tuple) and not images
