"""A short digest of a split's content, which tells whether two copies of a data set are the same."""

import hashlib
import io
from typing import Any, Protocol

import numpy as np
from PIL import Image

SAMPLED = 128  # records; about 14 MB of ImageNet


class Records(Protocol):
    """Random access to several records at once."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[int], /) -> list[Any]: ...


def fingerprint(records: Records, sampled: int = SAMPLED) -> str:
    """A digest of the number of records and of an evenly spaced sample of them.

    It depends on the content alone: a folder that was copied, touched, or prepared again from the same archives keeps
    its fingerprint. PNG images are compared by their pixels, because encoders differ; JPEG images by their bytes. A
    different number, order or content of records changes the fingerprint, except that the sample may miss a few
    replaced records of a large split.

    Args:
      records: the records of a split, such as a `data.sources.Source`.
      sampled: the largest number of records to read.

    Returns:
      16 hexadecimal digits.
    """
    total = len(records)
    places = sorted({int(place) for place in np.linspace(0, total - 1, min(sampled, total))})
    digest = hashlib.sha256(f"{total} records".encode())
    for record in records.__getitems__(places) if places else ():
        content = _content(record["image"])
        digest.update(f" {record['label']} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _content(image: bytes | np.ndarray) -> bytes:
    """Shape and pixels of an image that is stored losslessly; the encoded bytes of any other."""
    pixels = _decoded(image) if isinstance(image, bytes) else image
    if pixels is None:
        return bytes(image)
    return f"{pixels.dtype}{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()


def _decoded(image: bytes) -> np.ndarray | None:
    """The pixels of a PNG image; None for any other file, and for a damaged one."""
    if not image.startswith(b"\x89PNG"):
        return None
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return np.asarray(opened)
    except Exception:  # Pillow has no common error; damage is reported where the image is used
        return None
