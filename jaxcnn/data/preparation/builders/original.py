"""Checking whether a file is the original archive that TFDS registers."""

import gzip
import hashlib
import logging
from pathlib import Path

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.manual_dir import damaged

log = logging.getLogger(__name__)


def unzipped(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzipped, whatever its name."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def content_sha256(content: bytes) -> str:
    """The SHA-256 digest of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 digest of a file, as 64 hexadecimal digits."""
    with damaged(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_original(entry: DataSet, path: Path) -> bool:
    """Whether the file is, byte for byte, the archive that TFDS registers; logs a warning if it isn't.

    Other files are still used if they can be read: they may be a subset, or the same content recompressed. The
    prepared data set records the number of images, and `Source.note` reports a difference.
    """
    if path.is_dir():
        log.warning("%s is unpacked, so its sha256 can't be compared with the original's: using its content", path)
        return False
    known = {digest for archive in entry.archives for digest in (archive.file_sha256, *archive.other_sha256)}
    if file_sha256(path) in known:
        return True
    log.warning("%s is not the original archive of %s (its sha256 differs): using its content", path, entry.name)
    return False
