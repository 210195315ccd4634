"""The colours of the kinds of layers, in the light and the dark scheme, as a style sheet."""

from jaxcnn.inspection.drawing.font import FAMILY

# Name → (light, dark). A text on any fill has a contrast of at least 7, a border on the ground of at least 3.
GROUND = ("#ffffff", "#14171a")
TEXT = ("#1a1d21", "#f1f3f5")
MUTED = ("#4b5259", "#b8c0c8")
LINE = ("#5c646c", "#9aa3ac")
FRAME = ("#8a939c", "#6c7680")
SHORTCUT = ("#a4480c", "#f2a871")
# Kind → fill (light, dark) and border (light, dark).
FILLS = {
    "image": (("#eceff1", "#2b3136"), ("#6c7680", "#8d97a1")),
    "conv": (("#cfe3f8", "#123a61"), ("#2f74b8", "#5d9fe0")),
    "fc": (("#fbdcc3", "#5a2f0e"), ("#b8601c", "#d98a4a")),
    "pool": (("#f7cfd2", "#5a1d24"), ("#b8434d", "#e07a84")),
    "norm": (("#d2ecd4", "#17421f"), ("#3a8747", "#63b573")),
    "dropout": (("#e4e4ea", "#35353f"), ("#71717f", "#93939f")),
    "join": (("#f4e6a6", "#4b3f08"), ("#8f7710", "#c4a62a")),
    "rbf": (("#e6d6f4", "#42255c"), ("#8250b0", "#b084dc")),
    "other": (("#d3edee", "#0f4245"), ("#2a8288", "#57b3b9")),
}
GROUPS = {
    **{"image": "image", "conv": "conv", "fc": "fc", "dropout": "dropout", "rbf": "rbf", "lrn": "norm", "bn": "norm"},
    **dict.fromkeys(("maxpool", "avgpool", "gap", "subsample"), "pool"),
    **dict.fromkeys(("add", "concat", "concatenate"), "join"),
}


def group(kind: str) -> str:
    """The group of kinds with one colour; "other" for kinds that no paper here has."""
    return GROUPS.get(kind, "other")


def style() -> str:
    """The style sheet. All names begin with "net", as in a page of HTML it holds for the page as a whole."""
    rules = [
        ".net{background:var(--net-ground)}",
        f".net text{{font-family:{FAMILY};fill:var(--net-text);stroke:none;text-anchor:middle}}",
        ".net .start{text-anchor:start}.net .bold{font-weight:bold}.net .muted{fill:var(--net-muted)}",
        ".net .line{fill:none;stroke:var(--net-line);stroke-width:1.2}",
        ".net .shortcut{stroke:var(--net-shortcut);stroke-width:1.6}.net .dashed{stroke-dasharray:5 3}",
        ".net .head{fill:var(--net-line);stroke:none}.net .shortcut-head{fill:var(--net-shortcut);stroke:none}",
        ".net .frame{fill:none;stroke:var(--net-frame);stroke-width:1;stroke-dasharray:2 3}",
        ".net .box{stroke-width:1.1;stroke-linejoin:round}",
        *(f".net .{name}{{fill:var(--net-{name});stroke:var(--net-{name}-line)}}" for name in FILLS),
    ]
    schemes = [f".net{{{_variables(scheme)}}}" for scheme in (0, 1)]
    return "\n".join([schemes[0], f"@media (prefers-color-scheme: dark){{{schemes[1]}}}", *rules])


def _variables(scheme: int) -> str:
    """The colours of a scheme: 0 is light, 1 dark."""
    plain = {"ground": GROUND, "text": TEXT, "muted": MUTED, "line": LINE, "frame": FRAME, "shortcut": SHORTCUT}
    fills = {name: fill for name, (fill, _) in FILLS.items()}
    borders = {f"{name}-line": border for name, (_, border) in FILLS.items()}
    return ";".join(f"--net-{name}:{both[scheme]}" for name, both in (plain | fills | borders).items())
