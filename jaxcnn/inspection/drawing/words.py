"""What a drawing says of a layer: all of it in a title, and in the box as much as fits."""

from collections.abc import Sequence

from jaxcnn.inspection.drawing.font import CENTRE, text_width
from jaxcnn.inspection.drawing.scene import Rect, Text
from jaxcnn.models.layers.shapes import Shape
from jaxcnn.runs.layer_table import Row

# What the layer table calls each kind, and what a legend calls it.
KINDS = {
    "image": "image",
    "conv": "convolution",
    "fc": "fully connected",
    "maxpool": "max-pooling",
    "avgpool": "average pooling",
    "gap": "global average pooling",
    "subsample": "trainable subsampling",
    "lrn": "local response normalisation",
    "bn": "batch normalisation",
    "dropout": "dropout",
    "concat": "concatenation",
    "concatenate": "concatenation",
    "add": "addition",
    "rbf": "distances to prototypes",
}
PITCH = 1.2  # from line to line within a box, in units of the font's size
WITH_WINDOW = ("conv", "maxpool", "avgpool", "subsample")


def sizes(shape: Shape) -> str:
    return "×".join(map(str, shape))


def short(count: int) -> str:
    """A count in at most six characters: 34,944, 307 K, 4.1 M."""
    if count < 100_000:
        return f"{count:,}"
    for unit, divisor in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= divisor:
            return f"{count / divisor:.{1 if count < 100 * divisor else 0}f} {unit}"
    raise AssertionError(count)


def operation(row: Row) -> str:
    """The kind with its window and step: "11×11 conv, /4"."""
    if row.kind not in WITH_WINDOW:
        return row.kind
    size, stride = row.window
    return f"{size}×{size} {row.kind}" + (f", /{stride}" if stride > 1 else "")


def title(row: Row) -> str:
    """All that the layer table says of a layer."""
    kind = KINDS.get(row.kind, row.kind)
    window = f", {row.window.size}×{row.window.size}" if row.kind in WITH_WINDOW else ""
    step = f" with stride {row.window.stride}" if row.kind in WITH_WINDOW and row.window.stride > 1 else ""
    groups = f", in {row.groups} groups" if row.groups > 1 else ""
    return (
        f"{row.name}: {kind}{window}{step}{groups}; output {sizes(row.output_shape)}; parameters {row.params:,}; "
        f"multiply–accumulates {row.macs:,}; receptive field {row.receptive_field}"
    )


def folded_title(row: Row, last: Row, count: int) -> str:
    """The title of a box that stands for the same layer of `count` equal blocks, of which `last` is in the last one."""
    return f"{title(row)}; × {count}: {row.name} … {last.name}, whose receptive field is {last.receptive_field}"


def caption(row: Row, shape: str) -> list[str]:
    """The lines below a layer's figure; `shape` is that of its output."""
    return [
        row.name,
        operation(row),
        shape,
        *([f"{short(row.params)} param."] if row.params else []),
        *([f"{short(row.macs)} MACs"] if row.macs else []),
        f"sees {row.receptive_field}",
    ]


def lines(row: Row, most: int) -> list[list[str]]:
    """What stands in a box that has room for `most` lines: for each line its wordings, the fullest first."""
    shape, what = sizes(row.output_shape), operation(row)
    first = [f"{row.name} · {what} · {shape}", f"{row.name} · {shape}", f"{row.name} · {what}", row.name]
    if most == 1:
        return [first]
    counts = [f"{short(row.params)} param."] if row.params else []
    counts += [f"{short(row.macs)} MACs"] if row.macs else []
    counts += [f"sees {row.receptive_field}"]
    said = [", ".join(counts[:number]) for number in range(len(counts), 0, -1)]
    if most == 2:
        return [first, said]
    return [[row.name], [f"{what} · {shape}", shape], said]


def texts_within(rect: Rect, wordings: Sequence[Sequence[str]], size: float = 9.5) -> tuple[Text, ...]:
    """Lines in the middle of a box, each in its fullest wording that fits; without those of which none fits."""
    fitting = [next((text for text in words if text_width(text, size) <= rect.width - 6), None) for words in wordings]
    chosen = [text for text in fitting if text is not None]
    pitch, (x, middle) = size * PITCH, rect.middle
    base = middle - pitch * (len(chosen) - 1) / 2 + CENTRE * size
    return tuple(Text(text, x, base + pitch * number, size) for number, text in enumerate(chosen))


def room(height: float, size: float = 9.5) -> int:
    """How many lines fit a box of this height, at most three."""
    return min(3, int((height - 1) // (size * PITCH)))
