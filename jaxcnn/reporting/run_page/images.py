"""Images in a report: those that the network got wrong with the most confidence, and its first filters."""

import base64

from markupsafe import Markup

from jaxcnn.reporting.pages.page import Section, figure
from jaxcnn.reporting.run_page.content import RunContent


def hardest(run: RunContent) -> list[Section]:
    """The wrong answers that the network was surest of."""
    kept = run.evaluation
    if kept is None:
        return []
    if not kept["hardest"]:
        return [Section("Hardest images", Markup("<p>No image was classified wrongly.</p>"))]
    said = f"The {len(kept['hardest'])} wrong answers of {kept['wrong']:,} that the network was surest of."
    tiles = []
    for entry in kept["hardest"]:
        probability = "" if entry["probability"] is None else f" ({100 * entry['probability']:.1f} %)"
        words = f"{entry['label']}, taken for {entry['predicted']}{probability}"
        caption = f"{words}; test image {entry['record']:,}"
        png = base64.b64decode(entry["png"])
        tiles.append(figure(png, f"Test image {entry['record']:,}: {words}", caption, pixelated=True))
    grid = Markup('<div class="small-tiles">{}</div>').format(Markup("").join(tiles))
    return [Section("Hardest images", Markup("<p>{}</p>").format(said) + grid)]


def filters(run: RunContent) -> list[Section]:
    """The filters of the first layer, if it is a convolution over the image."""
    kept = run.evaluation and run.evaluation["filters"]
    if not kept:
        return []
    height, width, channels, count = kept["shape"]
    depth = "one channel" if channels == 1 else f"{channels} channels"
    alternative = f"The {count} filters of {kept['layer']}, {height}×{width} pixels with {depth} each"
    caption = f"{alternative}. Each is stretched to the whole range from black to white."
    png = base64.b64decode(kept["png"])
    return [Section("First layer", figure(png, alternative, caption, pixelated=True))]
