"""`--profile=DIR`: a trace of a few steps by JAX's profiler, for XProf and TensorBoard's profile page, or Perfetto."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxcnn.errors import UsageError
from jaxcnn.parallel import processes

SKIPPED = 2  # steps, in which buffers are first touched and the pipeline fills
TRACED = 5


def nothing_to_trace(folder: Path, stop: int) -> UsageError:
    return UsageError(f"--profile={folder}: the run has had all of its {stop:,} steps; use another --workdir.")


class StepTrace:
    """Traces up to five steps, skipping the first two if enough remain.

    With several processes, the first writes the trace of its own devices.

    Raises:
      UsageError: the folder can't be made, or no step is left to trace.
    """

    def __init__(self, folder: Path | None, *, step: int, stop: int, say: Callable[[str], None]) -> None:
        """
        Args:
          folder: where the trace goes; None: there is none.
          step: how many steps the run has had.
          stop: the step at which it ends.
          say: called with a message that says where the trace is.
        """
        self._folder = folder if processes.is_first() else None
        self._say, self._running = say, False
        self._first = min(step + SKIPPED + 1, stop)
        self._last = min(self._first + TRACED - 1, stop)
        if folder is None:
            return
        if step >= stop:
            raise nothing_to_trace(folder, stop)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--profile={folder}: {error.strerror}; name a folder that can be made.") from error

    def before(self, step: int) -> None:
        """Called before the step-th step is dispatched."""
        if self._folder is not None and step == self._first:
            jax.profiler.start_trace(self._folder)
            self._running = True

    def after(self, step: int, state: Any) -> None:
        """Called when the step-th step is dispatched; `state` is what it gives."""
        if self._running and step == self._last:
            jax.block_until_ready(state)
            self.close()
            self._say(
                f"steps {self._first:,} to {self._last:,} are traced in {self._folder}; "
                "to see them: pip install xprof, then xprof --logdir with that folder"
            )

    def close(self) -> None:
        """Ends a trace that is running, as when the run is interrupted."""
        if self._running:
            self._running = False
            jax.profiler.stop_trace()
