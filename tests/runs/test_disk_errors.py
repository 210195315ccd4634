"""A full disk: one line, exit status 1, and the checkpoints that were there."""

import errno
import logging
import os

import pytest

from jaxcnn.cli.main import main
from jaxcnn.cli.startup import is_news
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.reporting.record import Record
from jaxcnn.runs.disk_errors import reporting_full_disk


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ValueError("… writing state/d/1: No space left on device")],
)
def test_told_in_one_line(tmp_path, error):
    with pytest.raises(JaxcnnError, match=r"disk that holds .* is full") as caught, reporting_full_disk(tmp_path):
        raise error
    assert caught.value.exit_status == 1 and "\n" not in str(caught.value)


def test_other_errors_pass(tmp_path):
    with pytest.raises(PermissionError), reporting_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_a_run_ends_with_status_1(monkeypatch, capsys, tmp_path):
    def full(self, step, event, **numbers):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Record, "write", full)
    arguments = ["--exp=lenet5_1998:modern", "--data=digits", "--steps=1", f"--workdir={tmp_path / 'run'}"]
    assert main(arguments) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("launch.py: the disk that holds")


def test_a_file_of_the_run_that_may_not_be_written(tmp_path):
    refused = pytest.raises(
        UsageError, match=r"can't use .*/metrics\.jsonl: Read-only file system; .*another --workdir"
    )
    with refused, reporting_full_disk(tmp_path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "metrics.jsonl"))
    with pytest.raises(PermissionError), reporting_full_disk(tmp_path / "run"):
        raise PermissionError(errno.EACCES, "no", str(tmp_path / "data"))


def test_the_libraries_do_not_tell_of_a_full_disk_too():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    made = [
        logging.LogRecord("absl", 40, "", 0, "%s", ("text",), (OSError, error, None)) for error in (full, OSError())
    ]
    assert [is_news(record) for record in made] == [False, True]
