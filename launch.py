"""The command line in a checkout: `python launch.py --exp=alexnet_2012`.

Where jaxcnn is installed, the same is `jaxcnn --exp=alexnet_2012`, or `python -m jaxcnn`.
"""

import os
import signal


def end_at_once(number: int, frame: object) -> None:
    """A signal before `jaxcnn.runtime.signals` is there: importing that alone takes seconds on a slow disk."""
    del frame
    try:
        os.write(2, f"launch.py: {'terminated' if number == signal.SIGTERM else 'interrupted'}\n".encode())
    finally:
        os._exit(128 + number)


if __name__ == "__main__":  # first of all
    signal.signal(signal.SIGTERM, end_at_once)
    signal.signal(signal.SIGINT, end_at_once)

from jaxcnn.__main__ import start  # noqa: E402  (after the handlers are set)

if __name__ == "__main__":
    start("launch.py", "python launch.py", __file__)

from jaxcnn.cli.main import main, parse  # noqa: E402  (for programs that import this file)

__all__ = ["main", "parse"]
