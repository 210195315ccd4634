"""What a linear classifier of the pixels reaches: the floor that a convolutional network must beat.

python benchmarks/logistic_regression.py --data=cifar10 --size=32 --data-dir=DIR
python benchmarks/logistic_regression.py --data=digits --size=8 --scaling=whole
"""

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jaxcnn.data.datasets import data_set
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import open_source

# C, the inverse of the penalty, of which the best is chosen …
STRENGTHS = {
    "each": (0.0001, 0.001, 0.01, 0.1),  # of pixels that are brought to mean 0 and variance 1, each by itself
    "whole": (0.01, 0.1, 1.0, 10.0),  # of pixels from 0 to 1, so that those that vary little count for little
}
HELD_OUT = 0.1  # … on this share of the training pictures


def pixels(name: str, split: str, size: int, data_dir: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as float32 [n, size · size · channels], 0–255, and labels int32 [n]."""
    source = open_source(name, split, data_dir=data_dir)
    batch = load_resident(source, size=size, channels=data_set(name).channels)
    return batch["image"].reshape(len(batch["label"]), -1).astype(np.float32), batch["label"]


def classifier(strength: float, scaling: str) -> Pipeline:
    scaler = StandardScaler() if scaling == "each" else FunctionTransformer(lambda images: images / 255)
    return make_pipeline(scaler, LogisticRegression(C=strength, max_iter=500, tol=1e-3))


def baseline(name: str, *, size: int, scaling: str = "each", data_dir: str | None = None) -> dict[str, Any]:
    """Trains on the training split, with the penalty that does best on its held-out part, and tests."""
    began = time.monotonic()
    images, labels = pixels(name, "train", size, data_dir)
    held_out = np.random.default_rng(0).random(len(labels)) < HELD_OUT
    scores = {
        strength: classifier(strength, scaling)
        .fit(images[~held_out], labels[~held_out])
        .score(images[held_out], labels[held_out])
        for strength in STRENGTHS[scaling]
    }
    best = max(scores, key=lambda strength: scores[strength])
    chosen = classifier(best, scaling).fit(images, labels)
    test_images, test_labels = pixels(name, "test", size, data_dir)
    return {
        "data": name,
        "train_pictures": len(labels),
        "test_pictures": len(test_labels),
        "scaling": scaling,
        "C": best,
        "train_error": 100 * (1 - chosen.score(images, labels)),
        "test_error": 100 * (1 - chosen.score(test_images, test_labels)),
        "seconds": time.monotonic() - began,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Logistic regression on the pixels of a data set.", allow_abbrev=False)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--size", type=int, default=8, help="pixels, height and width")
    parser.add_argument("--scaling", choices=STRENGTHS, default="each", help="of pixels, before they are fitted")
    parser.add_argument("--data-dir")
    flags = parser.parse_args(arguments)
    print(json.dumps(baseline(flags.data, size=flags.size, scaling=flags.scaling, data_dir=flags.data_dir), indent=2))


if __name__ == "__main__":
    main()
