"""The set-up before a command: the terminal's encoding, the libraries' logs, the cache of compiled programs."""

import io
import logging
import os
import sys
import tempfile
import warnings

import jax

from jaxcnn.errors import DamagedCheckpointWarning
from jaxcnn.runtime import program

USUAL = warnings.formatwarning


def make_ready() -> None:
    """Makes the terminal accept every character, silences the libraries and turns on the compilation cache."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that can't show × shows ?
    warnings.formatwarning = in_one_line
    logging.getLogger("absl").setLevel(logging.ERROR)
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(is_news)  # adding it repeatedly has no effect
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        use_cache(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"))
    if not os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        # JAX doesn't cache what compiles within a second, such as the program that draws a small network's weights.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Formats our own warnings as the command line tells things; others as Python does."""
    if issubclass(category, DamagedCheckpointWarning):
        return f"{program.name()}: {message}\n"
    return USUAL(message, category, filename, lineno, line)


def use_cache(parent: str) -> None:
    """Caches compiled programs below this folder. If that fails, prints one note; JAX would warn for each program."""
    folder = os.path.join(parent, "jaxcnn", "compiled")
    try:
        if not os.path.isabs(parent):  # "~" remains if the home folder is unknown
            raise OSError("not an absolute path")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            jax.config.update("jax_compilation_cache_dir", folder)
    except OSError as error:
        reason = error.strerror or error
        print(f"note: can't keep compiled programs in {folder}: {reason}; set XDG_CACHE_HOME.", file=sys.stderr)


def is_news(record: logging.LogRecord) -> bool:
    """A log filter that drops the libraries' tracebacks about a full disk, which would hide our own message."""
    text = f"{record.getMessage()} {record.exc_info[1] if record.exc_info else ''}"
    return "No space left on device" not in text and "Disk quota exceeded" not in text
