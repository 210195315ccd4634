"""Downloading one archive: with time limits, resumable, and verified before it gets its final name."""

import hashlib
import http.client
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from jaxcnn.data.archive_index import Archive
from jaxcnn.errors import DataMissingError

CONNECT_SECONDS = 9.0  # limit of name look-up, connection and first response together
STALL_SECONDS = 30.0  # limit without any data
BLOCK = 1 << 20  # bytes


def download(
    archive: Archive,
    folder: Path,
    command: str,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Path:
    """Downloads an archive into a folder, unless it is already there.

    Data goes to `<name>.part`, from which the next attempt continues. The file gets its final name when its SHA-256
    digest is the registered one.

    Args:
        archive: the archive, which must have a URL.
        folder: the folder, created if missing.
        command: the command that error messages recommend.
        progress: called with (file name, bytes done, bytes in total or None).

    Returns:
        The path of the archive.

    Raises:
        DataMissingError: there was no connection within about ten seconds, it broke, or the content is wrong.
    """
    assert archive.url is not None, archive
    target = folder / archive.file_name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (archive.file_name + ".part")
    try:
        _fetch(archive.url, part, archive.file_name, progress)
    except (OSError, http.client.HTTPException) as error:
        raise DataMissingError(
            f"can't download {archive.url} ({_reason(error)}); "
            f"put {archive.file_name} into a folder and run: {command} --manual-dir=DIR"
        ) from error
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if archive.file_sha256 and digest != archive.file_sha256:
        part.unlink()
        raise DataMissingError(
            f"{archive.url} has unexpected content (sha256 {digest[:16]}…, expected "
            f"{archive.file_sha256[:16]}…); try again, or use the original archive: {command} --manual-dir=DIR"
        )
    part.replace(target)
    return target


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _connect(request: urllib.request.Request) -> http.client.HTTPResponse:
    """`urlopen` within `CONNECT_SECONDS`. Its own timeout doesn't cover the name look-up, and applies per address."""
    answers: queue.Queue = queue.Queue()

    def attempt() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=STALL_SECONDS))
        except BaseException as error:
            answers.put(error)

    threading.Thread(target=attempt, daemon=True, name="jaxcnn-connect").start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _fetch(url: str, part: Path, name: str, progress: Callable[[str, int, int | None], None] | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = _connect(request)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the file is complete already; its digest is checked later
            return
        raise
    with response:
        if response.status != 206:  # the server can't resume
            done = 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if done else "wb") as file:
            while block := response.read(BLOCK):
                file.write(block)
                done += len(block)
                if progress:
                    progress(name, done, total)
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke after {done:,} of {total:,} bytes")
