"""A dry run with simulated devices, in a separate process in which one processor acts as several devices.

A process must be separate because the number of simulated devices is fixed at the first use of a device.
`python -m jaxcnn.analysis.simulated` reads its arguments and writes its result as JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from jaxcnn import errors
from jaxcnn.runtime import signals
from jaxcnn.runtime.xla_flags import SIMULATED


def simulated_dry_run(title: str, devices: int, **arguments: Any) -> dict[str, Any]:
    """`dry_run.dry_run` of the experiment called `title` on so many simulated devices.

    Args:
      arguments: those of `dry_run` that are JSON.

    Raises:
      JaxcnnError: as `dry_run` does.
    """
    root = str(Path(__file__).parents[2])
    flags = f"{os.environ.get('XLA_FLAGS', '')} {SIMULATED}={devices}".strip()  # of equal flags the last one counts
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": flags,
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    asked = json.dumps({"title": title, "arguments": arguments})
    command = [sys.executable, "-P", "-m", "jaxcnn.analysis.simulated"]  # -P: no imports from the current folder
    # In a process group of its own, so that Ctrl-C reaches only this process, which then ends the other.
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, process_group=0, **pipes) as other, signals.cleaning(other.kill):
        try:
            output, _ = other.communicate(asked)
        except BaseException:
            other.kill()
            raise
    if other.returncode:
        raise errors.JaxcnnError(f"the process with {devices} simulated devices ended with status {other.returncode}.")
    answer = json.loads(output)
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return answer


def main() -> None:
    """The main function of the separate process."""
    from jaxcnn.analysis.dry_run import dry_run
    from jaxcnn.config.experiment import load
    from jaxcnn.reporting.progress import automatic

    asked, display = json.load(sys.stdin), automatic()
    try:
        answer = dry_run(load(asked["title"]), **asked["arguments"], simulated=True, display=display)
    except (errors.UsageError, errors.DataMissingError, errors.RunStoppedError) as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    finally:
        display.close()
    print(json.dumps(answer, allow_nan=False))


if __name__ == "__main__":
    main()
