"""A CSV file that other programs read, there as a whole or not at all."""

import csv
import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.reporting.csv_file import check_writable, csv_file

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=4)))
def test_rows_are_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with csv_file(str(path)) as write:
        for row in rows:
            write(row)
    with open(path, encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == rows


def test_the_bytes_are_those_of_the_standard(tmp_path):
    path = tmp_path / "table.csv"
    with csv_file(str(path)) as write:
        write(["image", "name"])
        write(["a, b.png", 'says "고양이"'])
    assert path.read_bytes() == 'image,name\r\n"a, b.png","says ""고양이"""\r\n'.encode()


def test_it_appears_at_the_end(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")
    with csv_file(str(path)) as write:
        write(["after"])
        assert path.read_text() == "before"
    assert path.read_text() == "after\n" and os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, GeneratorExit, OSError(errno.ENOENT, "another file's")])
def test_what_was_there_stays_if_the_body_fails(tmp_path, failure):
    path = tmp_path / "table.csv"
    path.write_text("before")
    with pytest.raises(failure if isinstance(failure, type) else type(failure)), csv_file(str(path)) as write:
        write(["after"])
        raise failure
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_is_reported(tmp_path):
    os.symlink("/dev/full", tmp_path / "table.csv.part")
    with (
        pytest.raises(JaxcnnError, match=r"can't write .*table\.csv: No space left"),
        csv_file(str(tmp_path / "table.csv")) as write,
    ):
        write(["x" * 100_000])
    assert os.listdir(tmp_path) == []


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path):
    (tmp_path / "real.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with csv_file(str(tmp_path / "link.csv")) as write:
        write(["after"])
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() == "after\n"


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "folder").mkdir()
    check_writable(str(tmp_path / "table.csv"))
    for path, message in (
        (tmp_path / "folder", "must be a file, and it is something else"),
        (tmp_path / "missing" / "table.csv", "there is no folder .*missing; make it first"),
        ("/dev/null", "must be a file"),
    ):
        with pytest.raises(UsageError, match=message):
            check_writable(str(path))
    with pytest.raises(UsageError, match="File name too long"), csv_file(str(tmp_path / ("x" * 253))):
        pass
