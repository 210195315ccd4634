"""The command line in a checkout: `python launch.py --exp=alexnet_2012`.

Where jaxcnn is installed, the same is `jaxcnn --exp=alexnet_2012`, or `python -m jaxcnn`.
"""

import signal

if __name__ == "__main__":  # first of all: until `ending` is there, Ctrl-C ends the process without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from jaxcnn.__main__ import start

if __name__ == "__main__":
    start("launch.py", "python launch.py", __file__)

from jaxcnn.main import main, parse

__all__ = ["main", "parse"]
