"""Damaged images of a training set: reported by the reading threads, logged once their step is done.

Each was replaced by another record (`data.loading.read`). A run that meets more than `ALLOWED_SHARE` of an epoch stops:
the data set is broken then, not an image.
"""

import threading
from collections import Counter
from typing import Any, Protocol

from jaxcnn.data.loading.read import Damaged
from jaxcnn.data.sources import Source, how_to_mend
from jaxcnn.errors import RunStoppedError
from jaxcnn.parallel import coordination

ALLOWED_SHARE = 0.001
NAMED = 5  # in the message of a run that stops


class Log(Protocol):
    """A run's metrics.jsonl."""

    def write(self, step: int, event: str, **numbers: Any) -> None: ...


class DamagedImages:
    """Collects reports and logs them in the order of the steps.

    Args:
        source: the training set.
        steps_per_epoch: how many steps see it once.
    """

    def __init__(self, source: Source, *, steps_per_epoch: int) -> None:
        self._source, self._steps_per_epoch = source, steps_per_epoch
        self._allowed = ALLOWED_SHARE * len(source)
        self._pending: list[tuple[int, Damaged]] = []
        self._logged: set[tuple[int, int]] = set()
        self._in_epoch: Counter[int] = Counter()
        self._lock = threading.Lock()

    def report(self, step: int, image: Damaged) -> None:
        """An image of the batch that step `step` (from 0) sees; from any thread, ahead of that step."""
        with self._lock:
            self._pending.append((step, image))

    def resume(self, events: list[dict[str, Any]]) -> None:
        """Counts what an earlier start of the run has logged."""
        for event in events:
            if event["event"] == "corrupt":
                self._count(event["step"], event["record"])

    def write(self, log: Log, step: int) -> None:
        """Logs the damaged images of the first `step` steps. Idempotent: repeated reports are ignored.

        With several processes, each contributes its own reports and counts everybody's, so all stop at the same step.

        Raises:
            RunStoppedError: more than 0.1 % of an epoch's images are damaged.
        """
        with self._lock:
            due = sorted(entry for entry in self._pending if entry[0] <= max(step - 1, 0))
            self._pending = [entry for entry in self._pending if entry not in due]
        met = coordination.gathered([[at, image.record, image.reason] for at, image in due])
        for at, record, reason in sorted(met):
            seen = min(at + 1, step)  # a damaged image of a resident data set is known before the first step
            if (seen, record) in self._logged:
                continue
            self._count(seen, record)
            log.write(seen, "corrupt", split=self._source.split, record=record, reason=reason)
        epoch, count = max(self._in_epoch.items(), key=lambda item: item[1], default=(0, 0))
        if count > self._allowed:
            records = sorted({record for seen, record in self._logged if self._epoch(seen) == epoch})
            names = ", ".join(map(str, records[:NAMED])) + (", …" if len(records) > NAMED else "")
            log.write(step, "stopped", corrupt=count)
            raise RunStoppedError(
                f"{count:,} damaged images in epoch {epoch + 1} of {self._source.name}'s {self._source.split} split "
                f"(records {names}); allowed are {100 * ALLOWED_SHARE:g} % of {len(self._source):,}; "
                f"{how_to_mend(self._source)}. metrics.jsonl names all of them."
            )

    def _epoch(self, seen: int) -> int:
        return max(seen - 1, 0) // self._steps_per_epoch

    def _count(self, seen: int, record: int) -> None:
        self._logged.add((seen, record))
        self._in_epoch[self._epoch(seen)] += 1
