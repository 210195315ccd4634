"""How the progress of long work on data is reported."""

from collections.abc import Callable

# progress(what, done, total): called while something long goes on; total is None where it isn't known.
Progress = Callable[[str, int, int | None], None]
