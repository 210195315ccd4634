"""What a split holds, in a few digits: whether two copies of a data set are the same one."""

import hashlib
import io
from typing import Any, Protocol

import numpy as np
from PIL import Image

SAMPLED = 128  # records; of ImageNet 14 MB are read


class Records(Protocol):
    """Random access to several records at once."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[int], /) -> list[Any]: ...


def fingerprint(records: Records, sampled: int = SAMPLED) -> str:
    """A digest of how many records there are and of a sample of them, spread evenly from the first to the last.

    It says what the data is, not where it lies or when it was written: a folder that was copied, touched, or prepared
    anew from the same archives has the same fingerprint, as PNG images count by their pixels, which every encoder keeps
    (JPEG images, which nobody encodes again, count by their bytes). Another number of records, another order and other
    records change it. Where only a few records of a large split were replaced, the sample may miss them.

    Args:
      records: of a split, as `data.sources.Source` has them.
      sampled: how many are read, at most.

    Returns:
      Sixteen hexadecimal digits.
    """
    total = len(records)
    places = sorted({int(place) for place in np.linspace(0, total - 1, min(sampled, total))})
    digest = hashlib.sha256(f"{total} records".encode())
    for record in records.__getitems__(places) if places else ():
        content = _content(record["image"])
        digest.update(f" {record['label']} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _content(image: bytes | np.ndarray) -> bytes:
    """The pixels of an image that is stored without loss, and its shape; of any other one its bytes."""
    pixels = _decoded(image) if isinstance(image, bytes) else image
    if pixels is None:
        return bytes(image)
    return f"{pixels.dtype}{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()


def _decoded(image: bytes) -> np.ndarray | None:
    """A PNG image's pixels; None for any other file."""
    if not image.startswith(b"\x89PNG"):
        return None
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return np.asarray(opened)
    except Exception:  # whatever Pillow raises of a damaged one: what becomes of it is decided where it is used
        return None
