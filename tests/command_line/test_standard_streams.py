"""Streams that are closed or full: one line, the right status, and no file of ours in their place."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxcnn.cli.main import main
from jaxcnn.errors import UsageError
from jaxcnn.reporting.progress import Live, Plain

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")

# What `start` does before a command, without the libraries; then a file of ours is opened.
FILLED = """
import os, sys
from jaxcnn.runtime import standard_streams
standard_streams.fill_closed()
standard_streams.share_with_children()
with open("ours", "w") as file:
    os.write(1, b"to standard output")
    os.write(2, b"to standard error")
    print("said", file=sys.stderr, flush=True)
    print(file.fileno(), sys.stdout is None, sys.stderr is None, *map(os.get_inheritable, range(3)), file=file)
"""


def shell(command: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """A shell's `command`, in which "$@" is Python with the arguments."""
    return subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("closed", "out_is_none"), [(">&-", True), ("2>&-", False), ("<&- >&- 2>&-", True)])
def test_no_file_of_ours_takes_the_place_of_a_closed_stream(closed, out_is_none, tmp_path):
    done = shell(f'"$@" {closed}', "-c", FILLED)
    assert done.returncode == 0
    assert (tmp_path / "ours").read_text() == f"3 {out_is_none} False True True True\n"
    assert done.stdout == ("" if out_is_none else "to standard output")
    assert done.stderr == ("" if "2>" in closed else "to standard errorsaid\n")


def test_a_closed_standard_output_is_told_before_anything_runs():
    done = shell('"$@" >&-', str(ROOT / "launch.py"), "--list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "launch.py: standard output is closed; leave it open, or send it to a file or to /dev/null.\n"


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_can_not_be_written_is_no_success(unbuffered):
    done = shell(f'"$@" > {FULL}', str(ROOT / "launch.py"), "doctor", "--help", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr == (
        f"launch.py: the result can't be written to standard output: {os.strerror(errno.ENOSPC)}; "
        "send it elsewhere, or make room.\n"
    )


@needs_full
def test_a_line_that_can_not_be_shown_changes_no_status():
    assert shell(f'"$@" 2> {FULL}', str(ROOT / "launch.py"), "nonsense").returncode == UsageError.exit_status


class Gone:
    """A terminal that isn't there any more."""

    def __init__(self, number: int) -> None:
        self._error = OSError(number, os.strerror(number))

    def write(self, text: str) -> int:
        raise self._error

    def flush(self) -> None:
        raise self._error

    def isatty(self) -> bool:
        return True


def test_a_run_goes_on_without_its_terminal():
    """Until SIGHUP ends it; what it shows then must not keep it from saving."""
    from rich.console import Console

    for display in (Plain(Gone(errno.EIO)), Live(Console(file=Gone(errno.EIO), force_terminal=True))):
        display.message("resuming")
        display.advance("train", 1, 1)
        display.close()
    with pytest.raises(BrokenPipeError):
        Plain(Gone(errno.EPIPE)).message("resuming")


def test_a_program_without_standard_output_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--list"]) == 2
    assert "standard output is closed" in capsys.readouterr().err
