"""metrics.jsonl, one JSON object an event, and the same numbers as TensorBoard events."""

import functools
import json
import math
import sys
from pathlib import Path
from typing import Any

from jaxcnn.errors import JaxcnnError

FINAL = "final_"  # begins the names of the events that say what summary.json says


class Record:
    """Appends to a run's metrics.jsonl and event file.

    Resuming at a step drops the events after it, and the last evaluation's: they will come again. So do, with
    `evaluates_again`, those of the evaluation at that step itself. Dropped as well is a last line
    that a killed run left half written. Where one process of several writes, the others only remember the events: what
    a run decides by them, every process has to decide.
    """

    def __init__(self, workdir: Path, *, step: int, writes: bool = True, evaluates_again: bool = False) -> None:
        self.path = Path(workdir) / "metrics.jsonl"
        events = read_events(self.path)
        kept = [event for event in events if event["step"] <= step and not event["event"].startswith(FINAL)]
        if evaluates_again:
            kept = [event for event in kept if event["step"] < step or event["event"] not in ("evaluation", "plateau")]
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
        # purge_step makes TensorBoard drop what an interrupted run wrote past this step.
        return _summary_writer()(str(self.path.parent), purge_step=self._resumed_at + 1 if self._resumed_at else None)

    def write(self, step: int, event: str, **numbers: Any) -> None:
        """One event. Floats that JSON can't hold become null."""
        fields = {name: _finite(value) for name, value in numbers.items()}
        if self._remembered is not None:
            self._remembered.append({"step": step, "event": event, **fields})
            return
        self._file.write(json.dumps({"step": step, "event": event, **fields}) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                self._board.add_scalar(f"{event}/{name}", value, step)

    def train_means(self, *, since: int) -> dict[str, float]:
        """The training metrics after step `since`, each window weighted by its examples; empty before the first.

        A window that a stop cut short ("early") counts until the whole one is there, which holds it.
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
    """tensorboardX's writer, without torch, which it imports for nothing where that is installed: 1.2 s, 180 MB."""
    modules: dict[str, Any] = sys.modules
    hides = "torch" not in modules
    if hides:
        modules["torch"] = None  # Python's way to say that there is none
    try:
        from tensorboardX import SummaryWriter
    finally:
        if hides:
            del modules["torch"]
    return SummaryWriter


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a metrics.jsonl, without a last line that is incomplete; nothing where there is no file.

    Raises:
      JaxcnnError: another line is damaged.
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
    raise JaxcnnError(f"{where} is damaged; remove that line, and the same command goes on.")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
