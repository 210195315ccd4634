"""The location of this program, a checkout or an installed wheel, and its name in messages."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]

_started_as: tuple[str, str] | None = None


def checkout() -> Path | None:
    """The repository that contains this package; None if the package was installed from a wheel.

    A wheel has the folder `experiments/` inside the package; a checkout has it beside the package.
    """
    return None if any((PACKAGE / "experiments").glob("*.py")) else PACKAGE.parent


def name() -> str:
    """The name at the beginning of usage and error messages: "launch.py" or "jaxcnn"."""
    return _names()[0]


def command() -> str:
    """The shell command without its flags, such as "python launch.py"."""
    return _names()[1]


def started_as(name: str, command: str) -> None:
    """Sets the results of `name` and `command` for this process, which otherwise follow from the package's location."""
    global _started_as
    _started_as = name, command


def _names() -> tuple[str, str]:
    if _started_as is not None:
        return _started_as
    return ("launch.py", "python launch.py") if checkout() else ("jaxcnn", "jaxcnn")
