"""Where this program lies, in a checkout or installed from a wheel, and what it is called in messages and advice."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]

_started_as: tuple[str, str] | None = None


def checkout() -> Path | None:
    """The repository that this package lies in; None where it was installed from a wheel.

    A wheel has the papers' files inside the package, a checkout has them beside it.
    """
    return None if any((PACKAGE / "experiments").glob("*.py")) else PACKAGE.parent


def name() -> str:
    """The name that usage and errors begin with: "launch.py" or "jaxcnn"."""
    return _names()[0]


def command() -> str:
    """What a person types before a command's flags, as in "python launch.py"."""
    return _names()[1]


def started_as(name: str, command: str) -> None:
    """Sets both names for this process. Without it they follow from where the package lies."""
    global _started_as
    _started_as = name, command


def _names() -> tuple[str, str]:
    if _started_as is not None:
        return _started_as
    return ("launch.py", "python launch.py") if checkout() else ("jaxcnn", "jaxcnn")
