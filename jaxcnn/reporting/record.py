"""A run's metrics: metrics.jsonl, with one JSON object for each event, and the same numbers for TensorBoard."""

import functools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import JaxcnnError

FINAL = "final_"  # prefix of the events that repeat the content of summary.json


class Record:
    """Appends to a run's metrics.jsonl and TensorBoard event file.

    Resuming drops the events that will be written again: those after the step, those of the final evaluation, and an
    incomplete last line. With several processes, one writes and the others keep the events in memory, because
    every process needs them for the decisions of the run.

    Args:
      workdir: the run's folder.
      step: the step at which the run resumes; 0 for a new run.
      writes: whether this process writes the files.
      evaluates_again: whether the evaluation at `step` itself will be repeated.

    Raises:
      JaxcnnError: a line of metrics.jsonl is damaged.
    """

    def __init__(self, workdir: Path, *, step: int, writes: bool = True, evaluates_again: bool = False) -> None:
        self.path = Path(workdir) / "metrics.jsonl"
        events = read_events(self.path)
        kept = [event for event in events if event["step"] <= step and not event["event"].startswith(FINAL)]
        if evaluates_again:
            kept = [event for event in kept if event["step"] < step or event["event"] not in ("evaluation", "plateau")]
        self.writes = writes
        self._remembered = None if writes else kept
        if not writes:
            return
        temporary = self.path.with_suffix(".jsonl.part")
        temporary.write_text("".join(json.dumps(event) + "\n" for event in kept))
        temporary.replace(self.path)
        self._file = self.path.open("a")
        self._resumed_at = step

    @functools.cached_property
    def _board(self) -> Any:
        # purge_step makes TensorBoard ignore events that an interrupted run wrote after this step.
        return _summary_writer()(str(self.path.parent), purge_step=self._resumed_at + 1 if self._resumed_at else None)

    def write(self, step: int, event: str, **numbers: Any) -> None:
        """Writes one event. Floats that aren't finite become null in metrics.jsonl."""
        fields = {name: _finite(value) for name, value in numbers.items()}
        if self._remembered is not None:
            self._remembered.append({"step": step, "event": event, **fields})
            return
        self._file.write(json.dumps({"step": step, "event": event, **fields}) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                self._board.add_scalar(f"{event}/{name}", value, step)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image for TensorBoard alone: uint8 [height, width, 1 or 3]."""
        if self._remembered is None:
            self._board.add_image(name, image, step, dataformats="HWC")

    def train_means(self, *, since: int) -> dict[str, float]:
        """Mean training metrics after step `since`, weighted by examples, and their "count"; empty if there are none.

        A window that an interruption ended early counts only until the complete window is written, which includes it.
        """
        events = read_events(self.path) if self._remembered is None else self._remembered
        events = [event for event in events if event["event"] == "train" and event["step"] > since]
        events = [event for event in events if not event.get("early") or event is events[-1]]
        count = sum(event["count"] for event in events)
        names = ("loss", "top1_error", "top5_error") if count else ()
        means = {name: sum(event[name] * event["count"] for event in events) / count for name in names}
        return means | ({"count": count} if count else {})

    def close(self) -> None:
        if self._remembered is not None:
            return
        self._file.close()
        if "_board" in self.__dict__:
            self._board.close()


def _summary_writer() -> Any:
    """The writer class of tensorboardX, imported without torch, which it would load needlessly if installed."""
    modules: dict[str, Any] = sys.modules
    hides = "torch" not in modules
    if hides:
        modules["torch"] = None  # makes `import torch` fail
    try:
        from tensorboardX import SummaryWriter
    finally:
        if hides:
            del modules["torch"]
    return SummaryWriter


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a metrics.jsonl without an incomplete last line; none if there is no file.

    Raises:
      JaxcnnError: a complete line is damaged.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is incomplete
    return [_event(line, f"line {number} of {path}") for number, line in enumerate(lines, start=1)]


def _event(line: bytes, where: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
        if {"step", "event"} <= event.keys():
            return event
    except (ValueError, AttributeError):
        pass
    raise JaxcnnError(f"{where} is damaged; remove that line, then run the same command again.")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
