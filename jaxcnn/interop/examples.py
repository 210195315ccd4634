"""A short Python program for each format, which uses an exported file."""

import json
from typing import Any

ONNX = """\
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

{read}
session = onnxruntime.InferenceSession({file})
(scores,) = session.run(None, {{"pixels": pixels.transpose(0, 3, 1, 2)}})
{answer}"""

STABLEHLO = """\
import json

import jax.export
import numpy as np
from PIL import Image, ImageOps

{read}
with open({file}, "rb") as content:
    network = jax.export.deserialize(bytearray(content.read()))
scores = network.call(pixels)
{answer}"""

SAFETENSORS = """\
from safetensors.numpy import load_file

for name, array in load_file({file}).items():
    print(name, array.shape)
"""

READ = """\
image = Image.open("photo.jpg").convert("{mode}")
image = {resized}
{crop}pixels = np.asarray(image, np.float32).reshape(1, {side}, {side}, {channels})
"""
SQUARE = "ImageOps.fit(image, ({stored}, {stored}), Image.Resampling.BILINEAR)"
WARPED = "image.resize(({stored}, {stored}), Image.Resampling.BILINEAR)"
CROP = "image = image.crop(({start}, {start}, {end}, {end}))\n"
ANSWER = """\
best = int(scores[0].argmax())
with open({description}, encoding="utf-8") as text:
    names = json.load(text)["class_names"]
print(names[best] if names else best)
"""

PROGRAMS = {"onnx": ONNX, "stablehlo": STABLEHLO, "safetensors": SAFETENSORS}


def example(description: dict[str, Any], file: str, description_file: str) -> str:
    """A program that reads `photo.jpg` and prints its class; for safetensors, one that lists the arrays.

    Args:
      description: what `describe_export` says.
      file, description_file: their paths.
    """
    before, grey = description["preprocessing"], description["input"]["colour_order"] == "grey"
    stored, side = before["resize"]["size"], before["center_crop"]
    start = (stored - side) // 2
    crop = CROP.format(start=start, end=start + side) if side != stored else ""
    mode, channels = ("L", 1) if grey else ("RGB", 3)
    resized = (WARPED if before["resize"]["what"] == "the whole image" else SQUARE).format(stored=stored)
    read = READ.format(mode=mode, resized=resized, side=side, channels=channels, crop=crop)
    answer = ANSWER.format(description=quoted(description_file))
    return PROGRAMS[description["format"]].format(read=read.rstrip(), file=quoted(file), answer=answer)


def quoted(text: str) -> str:
    """A text as Python code has it.

    >>> quoted("my file")
    '"my file"'
    """
    return json.dumps(text, ensure_ascii=False)
