"""The way in which images become squares reaches batches, resident arrays, statistics and the names of their files."""

import io

import numpy as np
from PIL import Image

from jaxcnn.data.loading.cache import cache_file
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.loading.mean_image import mean_image
from jaxcnn.data.loading.pipeline import test_batches as batches_of_a_test
from jaxcnn.data.loading.pipeline import train_batches
from jaxcnn.data.sources import Source, open_source


class Wide(Source):
    """Six images of 24 × 8 pixels, whose left end is black and whose right end is white."""

    def __init__(self) -> None:
        self.name, self.split, self.num_classes, self.folder = "wide", "train", 2, None

    def __len__(self) -> int:
        return 6

    def __getitems__(self, indices) -> list[dict]:
        pixels = np.full((8, 24, 3), 128, np.uint8)
        pixels[:, :6], pixels[:, 18:] = 0, 255
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return [{"image": file.getvalue(), "label": int(index) % 2} for index in indices]


HOW = {"size": 8, "channels": 3}


def has_ends(images: np.ndarray) -> bool:
    """Whether the squares show the images' ends, which the middle hasn't."""
    return bool(np.ptp(np.asarray(images, np.float32)) > 200)


def test_every_way_to_the_network_resizes_alike():
    for resize, wanted in (("warp", True), ("shorter_side", False)):
        how = {**HOW, "resize": resize}
        assert has_ends(load_resident(Wide(), **how)["image"]) is wanted
        assert has_ends(mean_image(Wide(), **how)) is wanted
        assert has_ends(next(iter(batches_of_a_test(Wide(), batch_size=2, **how)))["image"]) is wanted
        assert has_ends(next(iter(train_batches(Wide(), batch_size=2, seed=0, **how)))["image"]) is wanted


def test_files_of_results_have_other_names(small_mnist):
    source = open_source("mnist", "test", data_dir=small_mnist.data_dir)
    plain, warped = (cache_file(source, "mean", size=8, channels=1, resize=how) for how in ("shorter_side", "warp"))
    assert plain == cache_file(source, "mean", size=8, channels=1)
    assert plain is not None and warped is not None and plain.name != warped.name and "8x8x1-warp" in warped.name
