"""PyTorch's own files, `.pth`, `.pt` or `.th`, read by torch without running what is in them."""

import importlib.metadata
import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.interop.named_arrays import NamedArrays, damaged, named_arrays
from jaxcnn.interop.pickled_objects import foreign_object, starts_as_archive

# Before 2.6, weights_only=True could be made to run code (CVE-2025-32434).
OLDEST = (2, 6)
# What training loops call the weights within a checkpoint. Of a network and its running average (timm), the average
# is the one that is evaluated.
WRAPPERS = ("state_dict_ema", "state_dict", "model_state_dict", "model", "net", "network", "weights")
DEEPEST = 3  # wrappers around each other
SHARED = 2  # times a file's size is what its arrays may claim together: tied layers share their memory


def read(file: Path) -> NamedArrays:
    """The arrays of a file. Nothing in it is run, and no array may be larger than the file.

    Raises:
      UsageError: it holds objects instead of arrays, which only running its code could make.
      DataMissingError: it is damaged.
      JaxcnnError: torch isn't installed, or too old to be safe.
    """
    torch = _torch()
    _check_archive(file)
    _check_objects(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old storage types, which concern torch's own users
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in torch in every way that there is
        raise _refusal(file, error) from error
    found, adapted = _unwrapped(content, torch)
    if not found:
        raise UsageError(f"{file} holds no arrays by name; save a network's state_dict() there.")
    return named_arrays("pytorch", _arrays(found, file, torch), adapted)


def _torch() -> ModuleType:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise JaxcnnError(
            "PyTorch's files need torch to be read, which isn't installed: pip install torch; or save the weights "
            "as .safetensors, which need nothing."
        ) from error
    release = tuple(map(int, re.findall(r"\d+", importlib.metadata.version("torch"))[:2]))
    if release < OLDEST:
        raise JaxcnnError(
            f"torch {importlib.metadata.version('torch')} can be made to run code by a file of weights; install 2.6 "
            "or newer: pip install --upgrade torch."
        )
    return torch


def _check_archive(file: Path) -> None:
    """Refuses a zip archive that would become larger than itself, or that holds a program."""
    if not starts_as_archive(file):
        return  # before torch 1.6: pickles one behind the other
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise damaged(file, f"its archive is broken ({error})") from error
    claimed, size = sum(entry.file_size for entry in entries), file.stat().st_size
    if claimed > size:
        raise damaged(file, f"its archive claims to hold {claimed:,} bytes, and the file has {size:,}")
    if any("/code/" in entry.filename for entry in entries):
        raise UsageError(f"{file} is a TorchScript program; save the network's state_dict() instead.")


def _check_objects(file: Path) -> None:
    """Refuses a file with other objects than a state dict's, before torch makes any of them."""
    try:
        foreign = foreign_object(file)
    except Exception as error:  # a broken pickle or archive fails in every way that there is
        raise damaged(file, f"its pickle can't be read ({type(error).__name__})") from error
    if foreign is not None:
        raise _more_than_arrays(file, foreign)


def _more_than_arrays(file: Path, what: str) -> UsageError:
    return UsageError(
        f"{file} holds more than arrays ({what}): reading that could run code, so it is refused. Where you trust it, "
        "load it in Python, and save the network's state_dict() alone."
    )


def _refusal(file: Path, error: Exception) -> JaxcnnError:
    """What to say of a file that torch didn't load."""
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named or "for unrecognized" in text or "instance of" in text:
        return _more_than_arrays(file, named.group(1) if named else type(error).__name__)
    return damaged(file, f"torch can't load it ({type(error).__name__})")


def _unwrapped(content: Any, torch: ModuleType) -> tuple[dict[str, Any], list[str]]:
    """(The tensors by name, what was taken of what), from a state dict or one that others are wrapped around."""
    adapted = []
    for _ in range(DEEPEST + 1):
        if not isinstance(content, Mapping):
            break
        tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
        wrapper = next((name for name in WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if wrapper is None:
            return tensors, adapted
        if wrapper == "state_dict_ema":
            adapted.append("The running average of the weights (state_dict_ema) was taken, which is what is evaluated.")
        content = content[wrapper]
    return {}, adapted


def _arrays(tensors: dict[str, Any], file: Path, torch: ModuleType) -> dict[str, np.ndarray]:
    """The tensors as NumPy arrays."""
    size, arrays, total = file.stat().st_size, {}, 0
    for name, tensor in tensors.items():
        # A stride of 0 lets a few bytes claim to be an array of any size; quantised and sparse arrays aren't numbers.
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_complex():
            raise UsageError(f"{file}: the array {name} is {tensor.dtype}, {tensor.layout}; only plain ones are read.")
        total += math.prod(tensor.shape) * tensor.element_size()
        if total > SHARED * size:
            raise damaged(file, f"up to {name}, {list(tensor.shape)}, its arrays claim {total:,} of {size:,} bytes")
        tensor = tensor.detach()
        wide = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        try:
            arrays[name] = wide.numpy()
        except (TypeError, RuntimeError) as error:
            raise UsageError(f"{file}: the array {name} is {tensor.dtype}, which NumPy has no type for.") from error
    return arrays
