"""Compact copies of photographs: images resized to a shorter side and encoded as JPEG again.

Images whose shorter side is already small enough keep their bytes. The others are resized by an antialiased bilinear
filter and encoded with quality 95 and chroma subsampling 4:2:0; grey images stay grey.
"""

import collections
import dataclasses
import functools
import io
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import tensorflow_datasets as tfds
from PIL import Image

from jaxcnn.data.datasets import compact_config
from jaxcnn.data.decoding.color_modes import is_grey
from jaxcnn.data.decoding.decode import decode_whole, readable
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.data.manual_dir import shown
from jaxcnn.data.preparation.builders.writer import Content, Records
from jaxcnn.data.prepared import RANDOM_ACCESS_FORMAT
from jaxcnn.errors import DataMissingError

QUALITY = 95


def compact(content: Content, side: int) -> Content:
    """The same records with images whose shorter side has at most `side` pixels.

    Raises:
        DataMissingError: (while iterating) an image is damaged; the message names its key.
    """

    def records(split: str) -> Records:
        def shrunk(item: tuple[int | str, dict]) -> tuple[int | str, dict]:
            key, record = item
            try:
                return key, record | {"image": shrink(record["image"], side)}
            except ValueError as error:
                origin = content.origins.get(split, "the archive")
                raise DataMissingError(f"{origin}: image {key!r}: {shown(error)}; replace or remove it") from error

        return _in_threads(shrunk, content.splits[split]())

    splits = {split: functools.partial(records, split) for split in content.splits}
    return dataclasses.replace(content, splits=splits, config=compact_config(side))


def shrink(encoded: bytes, side: int) -> bytes:
    """A JPEG whose shorter side has `side` pixels; the same bytes if it has no more than that.

    Raises:
        ValueError: the image is damaged.
    """
    with readable(encoded), Image.open(io.BytesIO(encoded)) as opened:  # reads the header alone
        if min(opened.size) <= side:
            return encoded
        channels = 1 if is_grey(opened.mode) else 3
    pixels = decode_whole(encoded, shorter_side=side, channels=channels)
    small = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(small, "JPEG", quality=QUALITY, subsampling=2)
    return small.getvalue()


def prepared_content(folder: Path, splits: tuple[str, ...]) -> Content:
    """The records of a prepared data set, in the form in which a builder yields them."""
    builder = cast(Any, tfds.builder_from_directory(str(folder)))
    skip = {"image": cast(Any, tfds.decode.SkipDecoding)()}

    def records(split: str) -> Records:
        source = builder.as_data_source(split, decoders=skip, file_format=RANDOM_ACCESS_FORMAT)
        for number in range(len(source)):
            try:
                record = source[number]
            except (RuntimeError, OSError) as error:  # a checksum of array_record, or a missing file
                raise DataMissingError(
                    f"{folder} is damaged ({shown(error)}); remove it, then prepare the full data set again"
                ) from error
            name = record.get("file_name")
            found = record | {"label": int(record["label"])} | ({} if name is None else {"file_name": name.decode()})
            yield (number if name is None else found["file_name"]), found

    return Content(
        splits={split: functools.partial(records, split) for split in splits},
        sizes={split: builder.info.splits[split].num_examples for split in splits},
        origins=dict.fromkeys(splits, folder),
    )


def _in_threads(work: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """Yields work(item) for every item in order, computing a few ahead."""
    threads = default_threads()
    ahead: collections.deque[Future] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 4 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
