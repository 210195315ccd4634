"""Random-resized crops of a folder of JPEGs, 224 pixels: our pipeline against a torch DataLoader with Pillow.

    python benchmarks/input_pipeline.py --photos=DIR

Every contender reads the same files, repeated, and gives uint8 batches, unless its name says otherwise. They take
turns for `--rounds` rounds. A figure is pictures a second a core: pictures by the processor time of all threads and
processes that made them, which other programs on the machine disturb less than the clock. Then our pipeline alone
goes on for `--memory-pictures` pictures while its resident memory is watched.
"""

import argparse
import itertools
import json
import platform
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from benchmarks.baselines import TorchCrops, full_decode_batches, loader
from benchmarks.jpeg_folder import FolderSource
from jaxcnn.augmentation.random_crops import AreaCrop
from jaxcnn.data.loading import pipeline
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.runtime.process_memory import resident_bytes

SIZE = 224
CROP = AreaCrop(random_interpolation=False)  # area 0.08–1, bilinear
PACKAGES = ("numpy", "pillow", "simplejpeg", "cykooz-resizer", "grain", "torch")
train_batches: Callable[..., Any] = pipeline.train_batches  # takes whatever has records
Measured = tuple[float, float]  # seconds of processor time, and by the clock


def processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(work: Callable[[], Any]) -> Measured:
    began, used = time.perf_counter(), processor_seconds()
    work()
    return processor_seconds() - used, time.perf_counter() - began


def stream(batches: Callable[..., Any], source: FolderSource, batch_size: int, pictures: int) -> Measured:
    """Of an endless stream that has got going: as much is made ahead at the end as at the beginning."""
    iterator = batches(source, size=SIZE, channels=3, batch_size=batch_size, seed=0, crop=CROP)
    for _ in range(default_threads() + 2):
        next(iterator)
    found = measured(lambda: [next(iterator) for _ in range(pictures // batch_size)])
    iterator.close()
    return found


def contenders(source: FolderSource, batch_size: int, pictures: int) -> dict[str, Callable[[], Measured]]:
    """Name → a function that has the pictures made and says what that took."""
    cores = default_threads()

    def torch_loader(workers: int, **options: Any) -> Callable[[], Measured]:
        crops = TorchCrops(source, pictures, SIZE, **options)
        return lambda: measured(lambda: sum(len(images) for images, _ in loader(crops, batch_size, workers)))

    return {
        "ours": lambda: stream(train_batches, source, batch_size, pictures),
        "torch": torch_loader(cores),
        "torch, in its own process": torch_loader(0),
        "torch, normalised floats": torch_loader(cores, floats=True),
        "ours, in torch's processes": torch_loader(cores, ours=CROP),
        "full decode": lambda: stream(full_decode_batches, source, batch_size, pictures),
    }


def watch_memory(source: FolderSource, batch_size: int, pictures: int) -> list[float]:
    """Resident memory, MB, after every tenth of the pictures."""
    steps = max(pictures // batch_size, 10)
    found = []
    iterator = train_batches(source, size=SIZE, channels=3, batch_size=batch_size, seed=1, crop=CROP)
    for step, _ in enumerate(itertools.islice(iterator, steps), start=1):
        if step % (steps // 10) == 0:
            found.append(resident_bytes() / 1e6)
    iterator.close()
    return found


def run(photos: Path, *, pictures: int, rounds: int, batch_size: int, memory_pictures: int) -> dict[str, Any]:
    """All figures, as they are printed by --json."""
    source = FolderSource(photos)
    entries = contenders(source, batch_size, pictures)
    rates: dict[str, list[float]] = {name: [] for name in entries}
    clock: dict[str, list[float]] = {name: [] for name in entries}
    for number in range(rounds + 1):  # the first warms up
        for name, work in entries.items():
            used, passed = work()
            if number:
                rates[name].append(pictures / used)
                clock[name].append(pictures / passed)
            print(f"round {number}: {name} {pictures / used:.0f}/s a core", file=sys.stderr)
    ratios = {
        name: statistics.median(ours / theirs for ours, theirs in zip(rates["ours"], rates[name], strict=True))
        for name in entries
    }
    return {
        "photographs": len(source.files),
        "pictures": pictures,
        "rounds": rounds,
        "batch_size": batch_size,
        "cores": default_threads(),
        "pictures_per_second_per_core": {name: statistics.median(values) for name, values in rates.items()},
        "spread": {name: [min(values), max(values)] for name, values in rates.items()},
        "pictures_per_second": {name: statistics.median(values) for name, values in clock.items()},
        "ours_against": ratios,
        "resident_megabytes": watch_memory(source, batch_size, memory_pictures),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", metavar="DIR", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--pictures", metavar="N", type=int, default=1024, help="in each measurement")
    parser.add_argument("--rounds", metavar="N", type=int, default=5)
    parser.add_argument("--batch-size", metavar="N", type=int, default=64)
    parser.add_argument("--memory-pictures", metavar="N", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message=".*os.fork.*", category=RuntimeWarning)  # torch's loader forks
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*", category=DeprecationWarning)
    found = run(
        flags.photos,
        pictures=flags.pictures,
        rounds=flags.rounds,
        batch_size=flags.batch_size,
        memory_pictures=flags.memory_pictures,
    )
    if flags.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['photographs']} photographs, {pictures_text(found)}; pictures a second a core, medians")
    for name, rate in found["pictures_per_second_per_core"].items():
        low, high = found["spread"][name]
        print(f"{name:28} {rate:6.0f}  ({low:.0f}–{high:.0f})   ours × {found['ours_against'][name]:.2f}")
    memory = np.round(found["resident_megabytes"]).astype(int)
    print(f"resident memory over {flags.memory_pictures:,} pictures, MB: {', '.join(map(str, memory))}")
    print(", ".join(f"{name} {number}" for name, number in found["versions"].items()))


def pictures_text(found: dict[str, Any]) -> str:
    return f"{found['pictures']:,} pictures a measurement, {found['rounds']} rounds, batches of {found['batch_size']}"


if __name__ == "__main__":
    main()
