"""Reads one HDF5 file, as a process of its own: HDF5's library crashes on some damaged files, and hangs on others.

`jaxcnn.interop.hdf5_file` starts it by this file's path, so nothing of jaxcnn is imported here. Its arguments are the
file, and how much memory it may take, in bytes. It first writes a line of JSON, {"arrays": {path: {"shape", "dtype",
"layer"}}, "config"}. Then it answers each line of its input, a path as JSON, with a line {"bytes": n} and n bytes of
float32, lowest byte first. Where it gives up, it writes {"error"} and ends.
"""

import contextlib
import json
import sys
from typing import Any, BinaryIO

import h5py  # pyright: ignore[reportMissingImports]
import numpy as np

MOST_OBJECTS = 50_000  # ResNet-152 with an optimizer's moments has about 5,000
MOST_LEVELS = 16
FILTERS = {1, 2, 3}  # deflate, shuffle, fletcher32; others would be looked for as libraries to load
OPTIMIZER = ("optimizer", "optimizer_weights", "metrics", "compile_metrics")  # at the top: not the network's


class Refused(Exception):
    """The file can't be used; the message says why."""


def listing(file: Any) -> dict[str, Any]:
    """Every array of the network with its shape, its type and the name that Keras 3 gives its layer ("" elsewhere)."""
    arrays: dict[str, dict[str, Any]] = {}
    seen = 0

    def walk(group: Any, path: str, level: int) -> None:
        nonlocal seen
        layer = text(group.attrs.get("name", "")) if path.endswith("vars/") else ""
        for name in group:
            seen += 1
            if seen > MOST_OBJECTS or level > MOST_LEVELS:
                raise Refused(f"it has more than {MOST_OBJECTS:,} objects, or {MOST_LEVELS} levels of them")
            if level == 0 and name in OPTIMIZER:
                continue
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise Refused(f"{path}{name} is a link to another place, which Keras doesn't write")
            found = group[name]
            if isinstance(found, h5py.Group):
                walk(found, f"{path}{name}/", level + 1)
            elif isinstance(found, h5py.Dataset):
                arrays[f"{path}{name}"] = {"shape": found.shape, "dtype": type_of(found), "layer": layer}

    walk(file, "", 0)
    return {"arrays": arrays, "config": text(file.attrs.get("model_config", ""))}


def text(value: Any) -> str:
    """An attribute's text, which is bytes in older files; "" where it is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def type_of(dataset: Any) -> str:
    """The name of an array's type; "bfloat16" where Keras stores its bits."""
    is_bfloat16 = dataset.dtype.itemsize == 2 and text(dataset.attrs.get("dtype", "")) == "bfloat16"
    return "bfloat16" if is_bfloat16 else str(dataset.dtype)


def values(dataset: Any) -> np.ndarray:
    """An array as float32. Raises Refused where it isn't wholly in this file, or would take more than its own size."""
    if dataset.external is not None or dataset.is_virtual:
        raise Refused(f"the values of {dataset.name} are in another file")
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
    if not filters <= FILTERS:
        raise Refused(f"{dataset.name} is compressed in a way that Keras doesn't use")
    if dataset.chunks is not None and np.prod(dataset.chunks, dtype=object) > max(4 * dataset.size, 2**20):
        raise Refused(f"{dataset.name} is stored in parts that are larger than itself")
    if dataset.size and not dataset.id.get_storage_size():
        raise Refused(f"the values of {dataset.name} were never written")
    stored = dataset[()]
    if type_of(dataset) == "bfloat16":
        stored = (stored.view("<u2").astype("<u4") << np.uint32(16)).view("<f4")
    with np.errstate(over="ignore"):  # a float64 beyond float32's range becomes infinite
        return np.ascontiguousarray(stored, "<f4")


def answer(output: BinaryIO, head: dict[str, Any], body: Any = b"") -> None:
    output.write(json.dumps(head).encode() + b"\n")
    output.write(body)
    output.flush()


def limit_memory(most: int) -> None:
    """Bounds what this process may take, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(path: str, most: int) -> None:
    output = sys.stdout.buffer
    limit_memory(most)
    try:
        with h5py.File(path, "r", locking=False) as file:
            answer(output, listing(file))
            for line in sys.stdin.buffer:
                array = values(file[json.loads(line)])
                answer(output, {"bytes": array.nbytes}, array.reshape(-1).view(np.uint8).data)
    except Refused as error:
        answer(output, {"error": str(error)})
    except MemoryError:
        answer(output, {"error": "it would take more memory than its network does"})
    except BrokenPipeError:  # nobody wants to know any more
        pass
    except Exception as error:  # whatever h5py makes of a damaged file: OSError, RuntimeError, KeyError, ValueError, …
        answer(output, {"error": (str(error).strip() or type(error).__name__).splitlines()[0][:200]})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
