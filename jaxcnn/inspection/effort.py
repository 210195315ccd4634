"""How far a look has come, counted in passes of the network over one image: a pass is what takes its time."""

from jaxcnn.reporting.progress import Display

BACKWARD = 3  # passes that one backward pass counts as


class Effort:
    """Shows one bar for all that a look computes, from an estimate made before it begins."""

    def __init__(self, display: Display, total: int) -> None:
        self._display, self._total, self._done = display, total, 0

    def add(self, passes: int, note: str) -> None:
        """Counts passes as done. The bar stays short of its end until `finish`."""
        self._done = min(self._done + passes, self._total - 1)
        self._display.advance("look", self._done, self._total, note)

    def finish(self) -> None:
        """Fills the bar."""
        self._display.advance("look", self._total, self._total)
