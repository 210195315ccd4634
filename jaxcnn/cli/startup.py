"""What a command finds around it: the terminal, the libraries' notices, the cache of compiled programs."""

import io
import logging
import os
import sys
import tempfile

import jax


def make_ready() -> None:
    """Before a command's job: a terminal that takes every text, quiet libraries, and the cache turned on."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without × shows ?
    logging.getLogger("absl").setLevel(logging.ERROR)
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(is_news)  # adding it again changes nothing
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        use_cache(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"))
    if not os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        # JAX's limit is a second; what draws a small network's weights takes less, and would be compiled at each start.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def use_cache(parent: str) -> None:
    """Keeps compiled programs below this folder; says so where it can't. JAX would warn about each of them."""
    folder = os.path.join(parent, "jaxcnn", "compiled")
    try:
        if not os.path.isabs(parent):  # "~" where nobody knows the user's home
            raise OSError("not an absolute path")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            jax.config.update("jax_compilation_cache_dir", folder)
    except OSError as error:
        reason = error.strerror or error
        print(f"note: can't keep compiled programs in {folder}: {reason}; set XDG_CACHE_HOME.", file=sys.stderr)


def is_news(record: logging.LogRecord) -> bool:
    """A filter for the libraries' loggers: false for a full disk, whose many tracebacks would hide our line."""
    text = f"{record.getMessage()} {record.exc_info[1] if record.exc_info else ''}"
    return "No space left on device" not in text and "Disk quota exceeded" not in text
