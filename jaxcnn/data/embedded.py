"""The data sets that come with installed packages: `digits` and `photos`.

They consist of small real images and are always available, so that every experiment can be rehearsed on a machine
without a network connection. Both classes offer random access; record *i* is a pure function of *i*.
"""

import functools

import numpy as np

TRAIN_SHARE_OF_DIGITS = 0.8
TRAIN_SHARE_OF_WIDTH = 0.7
PATCH_SIDES = (96, 128)  # pixels; the narrowest test region, the cat's, is 136 wide
PHOTO_COUNTS = {"train": 2000, "test": 500}

PHOTO_NAMES = (
    "astronaut",
    "cat",
    "coffee",
    "galaxies",
    "tissue",
    "motorcycle",
    "retina",
    "rocket",
    "temple",
    "flower",
)


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 [1797, 8, 8, 1], labels int32 [1797], and whether each is a training image, bool [1797]."""
    from sklearn.datasets import load_digits  # scikit-learn takes a second to import

    values, labels = load_digits(return_X_y=True)
    # The values are counts of 0 to 16 inked pixels in a 4×4 block.
    images = np.round(np.asarray(values) * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = np.asarray(labels).astype(np.int32)
    trains = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        # The file is ordered by writer, so most writers of the last digits don't occur among the first ones.
        members = np.flatnonzero(labels == label)
        trains[members[: round(TRAIN_SHARE_OF_DIGITS * len(members))]] = True
    return images, labels, trains


class Digits:
    """The 1,797 scanned 8×8 digits of the UCI set in scikit-learn; the first 80 % of each class are for training."""

    class_names = tuple("0123456789")

    def __init__(self, split: str):
        images, labels, trains = _digits()
        chosen = trains if split == "train" else ~trains
        self._images, self._labels = images[chosen], labels[chosen]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict:
        return {"image": self._images[index], "label": int(self._labels[index])}


@functools.cache
def _photographs() -> tuple[np.ndarray, ...]:
    """The ten photographs, in the order of `PHOTO_NAMES`: uint8 [height, width, 3] each."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    motorcycle, _, _ = data.stereo_motorcycle()  # the right-hand image shows the same scene
    photographs = (
        data.astronaut(),
        data.chelsea(),
        data.coffee(),
        data.hubble_deep_field(),
        data.immunohistochemistry(),
        motorcycle,
        data.retina(),
        data.rocket(),
        load_sample_image("china.jpg"),
        load_sample_image("flower.jpg"),
    )
    return tuple(np.asarray(photograph, dtype=np.uint8) for photograph in photographs)


class Photos:
    """Square patches of ten photographs; the class is the photograph from which a patch was cut.

    Training patches lie in the left 70 % of a photograph and test patches in the rest, so they share no pixel. Patch
    *i* has class *i* mod 10; its side (96 to 128 pixels) and position come from a generator with the key (split, *i*).
    """

    class_names = PHOTO_NAMES

    def __init__(self, split: str):
        self._split = split
        self._photographs = _photographs()

    def __len__(self) -> int:
        return PHOTO_COUNTS[self._split]

    def box(self, index: int) -> tuple[int, int, int, int]:
        """(top, left, side, label) of patch `index`, in pixels of its photograph."""
        label = index % len(PHOTO_NAMES)
        height, width, _ = self._photographs[label].shape
        border = int(TRAIN_SHARE_OF_WIDTH * width)
        begin, end = (0, border) if self._split == "train" else (border, width)
        key = np.array([("train", "test").index(self._split), index], dtype=np.uint64)
        draws = np.random.Philox(key=key).random_raw(3) / 2.0**64
        smallest, largest = PATCH_SIDES
        side = smallest + int(draws[0] * (largest - smallest + 1))
        top = int(draws[1] * (height - side + 1))
        left = begin + int(draws[2] * (end - begin - side + 1))
        return top, left, side, label

    def __getitem__(self, index: int) -> dict:
        top, left, side, label = self.box(index)
        return {"image": self._photographs[label][top : top + side, left : left + side], "label": label}
