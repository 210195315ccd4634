"""Compact copies of photographs: the shorter side resized once and for all, JPEG again.

Pictures whose shorter side isn't longer keep their bytes. The others are resized by an antialiased bilinear filter
and encoded with quality 95, colours at half the resolution (4:2:0), grey ones as grey.
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
    """The same records with small pictures.

    Raises:
        DataMissingError: (while iterating) a picture is damaged; the message names its key.
    """

    def records(split: str) -> Records:
        def shrunk(item: tuple[int | str, dict]) -> tuple[int | str, dict]:
            key, record = item
            try:
                return key, record | {"image": shrink(record["image"], side)}
            except ValueError as error:
                origin = content.origins.get(split, "the archive")
                raise DataMissingError(f"{origin}: picture {key!r}: {shown(error)}; replace or remove it") from error

        return _in_threads(shrunk, content.splits[split]())

    splits = {split: functools.partial(records, split) for split in content.splits}
    return dataclasses.replace(content, splits=splits, config=compact_config(side))


def shrink(encoded: bytes, side: int) -> bytes:
    """A JPEG whose shorter side has `side` pixels; the same bytes if it has no more already.

    Raises:
        ValueError: the picture is damaged.
    """
    with readable(encoded), Image.open(io.BytesIO(encoded)) as picture:  # reads the header alone
        if min(picture.size) <= side:
            return encoded
        channels = 1 if is_grey(picture.mode) else 3
    pixels = decode_whole(encoded, shorter_side=side, channels=channels)
    small = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(small, "JPEG", quality=QUALITY, subsampling=2)
    return small.getvalue()


def prepared_content(folder: Path, splits: tuple[str, ...]) -> Content:
    """The records of a data set that has been prepared already, as a builder would have yielded them."""
    builder = cast(Any, tfds.builder_from_directory(str(folder)))
    skip = {"image": cast(Any, tfds.decode.SkipDecoding)()}

    def records(split: str) -> Records:
        source = builder.as_data_source(split, decoders=skip, file_format=RANDOM_ACCESS_FORMAT)
        for number in range(len(source)):
            try:
                record = source[number]
            except (RuntimeError, OSError) as error:  # array_record's own checksums, or a file that has gone
                raise DataMissingError(
                    f"{folder} is damaged ({shown(error)}); remove it, then prepare the whole data set anew"
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
    """work(item) for every item, in their order, a few ahead."""
    threads = default_threads()
    ahead: collections.deque[Future] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 4 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
