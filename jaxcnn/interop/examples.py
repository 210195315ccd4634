"""A short Python program for each format, which uses an exported file."""

from typing import Any

READ = """\
import json
import numpy as np
from PIL import Image, ImageOps

with open({description!r}, encoding="utf-8") as text:
    about = json.load(text)
image = Image.open("photo.jpg").convert({mode!r})
image = ImageOps.fit(image, ({stored}, {stored}), Image.Resampling.BILINEAR)
{crop}pixels = np.asarray(image, np.float32).reshape(1, {side}, {side}, {channels})
"""
CROP = "image = image.crop(({start}, {start}, {end}, {end}))\n"
ANSWER = """\
best = int(scores[0].argmax())
print(about["class_names"][best] if about["class_names"] else best)
"""
ONNX = """\
import onnxruntime

session = onnxruntime.InferenceSession({file!r})
(scores,) = session.run(None, {{"pixels": pixels.transpose(0, 3, 1, 2)}})
"""
STABLEHLO = """\
import jax.export

with open({file!r}, "rb") as content:
    network = jax.export.deserialize(content.read())
scores = network.call(pixels)
"""
SAFETENSORS = """\
from safetensors.numpy import load_file

for name, array in load_file({file!r}).items():
    print(name, array.shape)
"""
USES = {"onnx": ONNX, "stablehlo": STABLEHLO}


def example(description: dict[str, Any], file: str, description_file: str) -> str:
    """A program that reads `photo.jpg` and prints its class; for safetensors, one that lists the arrays.

    Args:
      description: what `describe_export` says.
      file, description_file: their paths.
    """
    if description["format"] == "safetensors":
        return SAFETENSORS.format(file=file)
    before, grey = description["preprocessing"], description["input"]["colour_order"] == "grey"
    stored, side = before["resize"]["size"], before["center_crop"]
    start = (stored - side) // 2
    crop = CROP.format(start=start, end=start + side) if side != stored else ""
    values = {"description": description_file, "mode": "L" if grey else "RGB", "stored": stored, "side": side}
    read = READ.format(**values, channels=1 if grey else 3, crop=crop)
    return read + USES[description["format"]].format(file=file) + ANSWER
