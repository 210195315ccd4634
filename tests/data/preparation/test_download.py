import hashlib
import http.server
import socket
import threading
import time
from typing import ClassVar

import pytest

from jaxcnn.data.archive_index import Archive
from jaxcnn.data.preparation import download as module
from jaxcnn.data.preparation.download import download
from jaxcnn.errors import DataMissingError

CONTENT = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT: /file with ranges, /plain without, /cut breaks off, anything else is not there."""

    ranges: ClassVar[list] = []

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path == "/file" else 0
        if self.path not in ("/file", "/plain", "/cut") or start >= len(CONTENT):
            self.send_response(416 if start else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : 1_500_000 if self.path == "/cut" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    Handler.ranges.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_a_file_comes_whole_and_only_once(server, tmp_path):
    archive = Archive("a.gz", server + "/file", file_sha256=DIGEST)
    calls = []
    path = download(archive, tmp_path / "new", "COMMAND", lambda *call: calls.append(call))
    assert path.read_bytes() == CONTENT and [p.name for p in path.parent.iterdir()] == ["a.gz"]
    assert calls[-1] == ("a.gz", len(CONTENT), len(CONTENT))
    assert download(archive, tmp_path / "new", "COMMAND") == path and Handler.ranges == [None]


@pytest.mark.parametrize(("page", "have"), [("/file", 1000), ("/plain", 1000), ("/file", len(CONTENT))])
def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path, page, have):
    (tmp_path / "a.gz.part").write_bytes(CONTENT[:have])
    path = download(Archive("a.gz", server + page, file_sha256=DIGEST), tmp_path, "COMMAND")
    assert path.read_bytes() == CONTENT and Handler.ranges == [f"bytes={have}-"]


def test_a_connection_that_breaks_keeps_what_has_come(server, tmp_path):
    archive = Archive("a.gz", server + "/cut", file_sha256=DIGEST)
    with pytest.raises(DataMissingError, match="broke after 1,500,000 of"):
        download(archive, tmp_path, "COMMAND")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz.part"]
    whole = Archive("a.gz", server + "/file", file_sha256=DIGEST)
    assert download(whole, tmp_path, "COMMAND").read_bytes() == CONTENT


def test_other_content_is_refused_and_thrown_away(server, tmp_path):
    with pytest.raises(DataMissingError, match="unexpected content"):
        download(Archive("a.gz", server + "/file", file_sha256="0" * 64), tmp_path, "COMMAND")
    assert list(tmp_path.iterdir()) == []


def test_what_the_server_doesnt_have_is_named_with_the_way_out(server, tmp_path):
    with pytest.raises(DataMissingError) as caught:
        download(Archive("a.gz", server + "/none", file_sha256=DIGEST), tmp_path, "COMMAND")
    assert server + "/none" in str(caught.value) and "COMMAND --manual-dir=DIR" in str(caught.value)


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    assert module.CONNECT_SECONDS < 10
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        begin = time.monotonic()
        with pytest.raises(DataMissingError, match="no answer within"):
            download(Archive("a.gz", url), tmp_path, "COMMAND")
        assert time.monotonic() - begin < 3


def test_a_name_that_cant_be_looked_up_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataMissingError, match="can't download"):
        download(Archive("a.gz", "http://nowhere.invalid/a.gz"), tmp_path, "COMMAND")
