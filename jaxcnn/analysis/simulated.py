"""A dry run for devices that aren't there: in a process of its own, on one processor that poses as several.

How many devices a processor poses as is settled when a process first touches it, so this one can't change its mind.
`python -m jaxcnn.analysis.simulated` reads what to do as JSON and answers as JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from jaxcnn import ending, errors
from jaxcnn.xla_flags import SIMULATED


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
    command = [sys.executable, "-P", "-m", "jaxcnn.analysis.simulated"]  # -P: nothing out of the current folder
    # In a group of its own: Ctrl-C is for us, who end it too.
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, process_group=0, **pipes) as other, ending.cleaning(other.kill):
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
    """The other process."""
    from jaxcnn.analysis.dry_run import dry_run
    from jaxcnn.experiment import load
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
