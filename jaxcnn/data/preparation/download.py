"""Downloading one archive: bounded in time, resumable, and either complete and verified or not there."""

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

CONNECT_SECONDS = 9.0  # name look-up, connection and first answer together
STALL_SECONDS = 30.0  # without a byte
BLOCK = 1 << 20


def download(
    archive: Archive,
    folder: Path,
    command: str,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Path:
    """Fetches an archive into a folder, unless it lies there already.

    Bytes go to `<name>.part`, where the next attempt goes on, and the file gets its name once its sha256
    is the registered one.

    Args:
        archive: what to fetch; has an address.
        folder: where to; created if need be.
        command: the command to name in an error.
        progress: called with (file name, bytes so far, bytes in all or None).

    Raises:
        DataMissingError: no connection within about ten seconds, a broken one, or other content.
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
            f"{archive.url} gave other content than expected (sha256 {digest[:16]}…, expected "
            f"{archive.file_sha256[:16]}…); run again, or with the original: {command} --manual-dir=DIR"
        )
    part.replace(target)
    return target


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _connect(request: urllib.request.Request) -> http.client.HTTPResponse:
    """urlopen within CONNECT_SECONDS; its own timeout bounds neither the name look-up nor all addresses."""
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
        if error.code == 416:  # nothing is left beyond what we have: the digest will judge it
            return
        raise
    with response:
        if response.status != 206:  # the server doesn't resume
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
