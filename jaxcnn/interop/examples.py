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

TORCHVISION = """\
import json

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from safetensors.torch import load_file

arrays = load_file({file})
{mean_image}network = torchvision.models.{torchvision}
network.load_state_dict(arrays)
network.eval()
{read}
inputs = (pixels - {mean}) * {scale}
inputs = np.ascontiguousarray(inputs{order}.transpose(0, 3, 1, 2), np.float32)
with torch.no_grad():
    scores = network(torch.from_numpy(inputs))
{answer}"""
MEAN_IMAGE = 'mean = arrays.pop("statistics/mean").numpy()[{start}:{end}, {start}:{end}]\n'

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
    """A program that reads `photo.jpg` and prints its class; where no program has the network, one that lists arrays.

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
    values = {"read": read.rstrip(), "file": quoted(file), "answer": answer}
    if is_for_torchvision(description):
        how = before["normalisation"]
        is_image = isinstance(how["mean"], str)
        values |= {
            "torchvision": description["torchvision"],
            "mean_image": MEAN_IMAGE.format(start=start, end=start + side) if is_image else "",
            "mean": "mean" if is_image else how["mean"],
            "scale": how["scale"],
            "order": "[..., ::-1]" if how["channel_order"] == "BGR" else "",
        }
        return TORCHVISION.format(**values)
    return PROGRAMS[description["format"]].format(**values)


def is_for_torchvision(description: dict[str, Any]) -> bool:
    """Whether the example uses torchvision: it has the network, and mean and scale are all that images need."""
    before = description["preprocessing"]
    replaced = any(before["normalisation"][name] is not None for name in ("whitening", "local_contrast"))
    return bool(description.get("torchvision")) and not replaced and before["padding"] is None


def quoted(text: str) -> str:
    """A text as Python code has it.

    >>> quoted("my file")
    '"my file"'
    """
    return json.dumps(text, ensure_ascii=False)
