"""The type of the functions that report progress."""

from collections.abc import Callable

# progress(what, done, total): called repeatedly during long work; total is None if unknown.
Progress = Callable[[str, int, int | None], None]
