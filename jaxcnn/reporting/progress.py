"""Progress on standard error: a live bar on a terminal, lines of text elsewhere."""

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from jaxcnn.reporting.sparkline import sparkline

CURVE = 40  # characters of a curve
MAIN = "train"  # the main task of a run; the others come and go


class Display(Protocol):
    """Shows the messages and the progress of a run."""

    def message(self, text: str) -> None:
        """Shows a line of text."""
        ...

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Shows that `done` of `total` steps, images or bytes of the task `what` are done; total None is unknown."""
        ...

    def measured(self, what: str, value: float) -> None:
        """Adds a value to the curve of the training's loss or error."""
        ...

    def close(self) -> None:
        """Removes the live bars, if there are any."""
        ...


@contextlib.contextmanager
def ignoring_failed_writes() -> Iterator[None]:
    """Drops output that can't be written: a closed terminal or a full disk must not end a run.

    BrokenPipeError is raised, because the reader of a pipe, such as `head`, has asked for no more output.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass


class Silent:
    """Shows nothing."""

    def message(self, text: str) -> None:
        del text

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
        del what, done, total, note

    def measured(self, what: str, value: float) -> None:
        del what, value

    def close(self) -> None:
        pass


class TimeLeft:
    """Estimates the seconds left of a task from the pace since its first call, which may be in its middle."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._before = 0

    def __call__(self, done: int, total: int | None) -> float | None:
        now = time.monotonic()
        if self._first is None or done < self._before:  # the task started again
            self._first = (now, done)
        self._before = done
        began, start = self._first
        if total is None or done == start:
            return None
        return (now - began) / (done - start) * (total - done)


class Plain:
    """Lines of text: one for the first note of a task, then one every few seconds, and one at its end."""

    def __init__(self, stream: TextIO | None = None, *, every_seconds: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._every = every_seconds
        self._shown: dict[str, float] = {}
        self._noted: set[str] = set()
        self._left: dict[str, TimeLeft] = {}

    def message(self, text: str) -> None:
        with ignoring_failed_writes():
            print(text, file=self._stream, flush=True)

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
        left = self._left.setdefault(what, TimeLeft())(done, total)
        now = time.monotonic()
        shown = self._shown.setdefault(what, now)
        if what != MAIN and done == total and now - shown < self._every:  # too short for a line of its own
            del self._shown[what]
            return
        first_note = note != "" and what not in self._noted  # the first loss shows that training has begun
        if done != total and now - shown < self._every and not first_note:
            return
        self._shown[what] = now
        if note:
            self._noted.add(what)
        of = "" if total is None else f"/{total:,}"
        self.message(f"{what} {done:,}{of}{_left(left)}{'  ' if note else ''}{note}")

    def measured(self, what: str, value: float) -> None:
        del what, value  # the notes have them

    def close(self) -> None:
        pass


class Bars(Progress):
    """Progress bars with their notes on separate lines, so that a narrow terminal still shows bars and numbers.

    Below them are the curves of loss and error, each a line.
    """

    def __init__(self, *columns: ProgressColumn, **options: Any) -> None:
        self.curves: dict[str, list[float]] = {}  # before the first drawing, which the base class may begin
        super().__init__(*columns, **options)

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", no_wrap=True, overflow="ellipsis")
        for what, values in self.curves.items():
            if len(values) > 1:
                curve = sparkline(values, CURVE)
                yield Text(f"  {what:5} {curve}  {values[0]:.4g} → {values[-1]:.4g}", no_wrap=True, overflow="ellipsis")


class Live:
    """Bars that redraw themselves on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        columns = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        ]
        self._progress = Bars(*columns, console=console or Console(stderr=True), refresh_per_second=4)
        self._tasks = {}
        self._left: dict[str, TimeLeft] = {}
        with ignoring_failed_writes():
            self._progress.start()

    def message(self, text: str) -> None:
        with ignoring_failed_writes():
            self._progress.console.print(text, markup=False, highlight=False)

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
        with ignoring_failed_writes():
            self._advance(what, done, total, note)

    def _advance(self, what: str, done: int, total: int | None, note: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, left="", note="")
        left = _left(self._left.setdefault(what, TimeLeft())(done, total))
        self._progress.update(self._tasks[what], completed=done, total=total, left=left, note=note)
        if done == total and what != MAIN:
            self._progress.remove_task(self._tasks.pop(what))
            del self._left[what]

    def measured(self, what: str, value: float) -> None:
        if math.isfinite(value) and self._progress.console.encoding.startswith("utf"):  # others may have no blocks
            self._progress.curves.setdefault(what, []).append(value)

    def close(self) -> None:
        with ignoring_failed_writes():
            self._progress.stop()


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"  {hours}:{minutes:02d}:{rest:02d} left" if hours else f"  {minutes}:{rest:02d} left"


def automatic() -> Display:
    """`Live` if standard error is a terminal, otherwise `Plain`."""
    return Live() if sys.stderr.isatty() else Plain()
