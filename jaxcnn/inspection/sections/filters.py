"""The filters of the first layer as AlexNet's figure 3 shows them, and LeNet-5's kernels with its Table I."""

from typing import Any

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.pictures.colours import as_maps, each_alone
from jaxcnn.inspection.pictures.grid import grid
from jaxcnn.inspection.pictures.png import enlarged
from jaxcnn.inspection.sections.album import Album, heading, paragraph
from jaxcnn.reporting.pages.page import Section, table

COLUMNS = 16  # filters in a row, as in AlexNet's figure 3
WIDTH = 720  # pixels of a row of filters on the page, about
LARGEST = 16  # pixels of a weight's side


def filters_section(network: OpenedNetwork, album: Album) -> Section:
    """The first convolution's kernels, those of each tower apart; then those of layers with a table."""
    parts = [first_filters(network, album)]
    for number, layer in enumerate(network.graph.layers):
        if getattr(layer, "table", None) is not None:
            parts.append(tabled_filters(network, number, album))
    return Section("Filters", Markup("").join(parts))


def kernel_of(network: OpenedNetwork, number: int) -> np.ndarray | None:
    """The kernel of a layer's call; None if the layer has none."""
    values: Any = network.variables["params"]
    for name in network.graph.paths[number]:
        values = values.get(name, {})
    return np.asarray(values["kernel"]) if "kernel" in values else None


def first_filters(network: OpenedNetwork, album: Album) -> Markup:
    """The kernels that see the image."""
    first = next((i for i, stages in enumerate(network.graph.inputs) if stages[0] is None), 0)
    kernel, name = kernel_of(network, first), network.graph.names[first]
    if kernel is None or kernel.ndim != 4:
        return paragraph(f"The first layer, {name}, is no convolution: it has no filters to show.")
    columns = min(COLUMNS, kernel.shape[-1])
    factor = min(max(WIDTH // columns // kernel.shape[0], 1), LARGEST)
    filters = each_alone(network.in_colours(kernel.transpose(3, 0, 1, 2)))
    towers = getattr(network.model, "towers", 1)
    size, count = kernel.shape[0], kernel.shape[-1]
    text = f"{count} filters of {size}×{size} pixels in {name}, each stretched from its smallest weight to its largest."
    if network.trained.experiment.inputs.whitening is not None:
        text += " They see whitened images, so their colours aren't those of what they respond to."
    figures = []
    for tower, part in enumerate(np.split(filters, towers)):
        which = f", tower {tower + 1} of {towers}" if towers > 1 else ""
        pixels = grid([enlarged(one, factor) for one in part], columns, gap=3)
        alternative = f"The {len(part)} filters of {name}{which}, in rows of {columns}"
        figures.append(album.figure(f"filters-{name}-{tower + 1}", pixels, alternative, f"{name}{which}"))
    return Markup("").join([paragraph(text), *figures])


def tabled_filters(network: OpenedNetwork, number: int, album: Album) -> Markup:
    """The kernels of a convolution whose maps see only some of its input's, and which see which (1998, Table I)."""
    kernel, name = kernel_of(network, number), network.graph.names[number]
    layer: Any = network.graph.layers[number]
    stage = network.graph.inputs[number][0]
    assert kernel is not None and stage is not None, "a layer with a table has kernels, and isn't the first"
    sources, before = stage.shape[-1], stage.name
    largest = as_maps(kernel.transpose(2, 0, 1))  # one scale for all
    pairs = [(source, target) for target, seen in enumerate(layer.table) for source in seen]
    cells = {pair: enlarged(largest[place], 6) for place, pair in enumerate(pairs)}
    empty = np.zeros((6 * kernel.shape[0], 6 * kernel.shape[1], 4), np.uint8)
    targets = range(len(layer.table))
    pixels = grid([cells.get((s, t), empty) for s in range(sources) for t in targets], len(layer.table), gap=3)
    alternative = f"The kernels of {name}: a row for each map of {before}, a column for each map of {name}"
    caption = f"A row for each map of {before}, a column for each map of {name}; red is positive, blue negative."
    title = f"Which maps of {before} each map of {name} sees"
    rows = [[str(s), *("X" if s in layer.table[t] else "" for t in targets)] for s in range(sources)]
    return Markup("").join(
        [
            heading(title),
            paragraph("Table I of LeCun et al. (1998). No kernel exists where the table is empty."),
            table(
                [f"{before}, {name}", *map(str, targets)], rows, label=f"which maps of {before} each map of {name} sees"
            ),
            album.figure(f"filters-{name}", pixels, alternative, caption),
        ]
    )
