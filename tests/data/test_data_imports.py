"""In a process of its own: what importing and using the data layer loads, prints and warns about."""

import os
import subprocess
import sys

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import jaxcnn.data
for module in pkgutil.walk_packages(jaxcnn.data.__path__, "jaxcnn.data."):
    if ".builders" not in module.name:
        importlib.import_module(module.name)
assert "tensorflow_datasets" not in sys.modules, "TFDS is for those who read or prepare TFDS data"
"""

PREPARE_AND_READ = """
import dataclasses, sys
from jaxcnn.data import datasets
from jaxcnn.data.loading import pipeline
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import open_source
archives, data_dir, *digests = sys.argv[1:]
entry = datasets.data_set("mnist")
changed = [dataclasses.replace(a, content_sha256=d) for a, d in zip(entry.archives, digests, strict=True)]
datasets.DATA_SETS["mnist"] = dataclasses.replace(entry, archives=tuple(changed))
prepare("mnist", data_dir=data_dir, manual_dir=archives)
source = open_source("mnist", "train", data_dir=data_dir)
stream = pipeline.train_batches(source, size=28, channels=1, batch_size=64, seed=0)
assert next(stream)["image"].shape == (64, 28, 28, 1)
assert len(list(pipeline.test_batches(open_source("digits", "test"), size=8, channels=1, batch_size=90))) == 4
assert "tensorflow_datasets" in sys.modules
"""

NO_TENSORFLOW = """
assert not [name for name in sys.modules if name == "tensorflow" or name.startswith("tensorflow.")]
"""


def silently(code: str, *arguments: str, path: str) -> None:
    """Runs the code with warnings as errors; a package that calls itself tensorflow lies in wait."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([path, *sys.path]), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + NO_TENSORFLOW, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def trap(folder) -> str:
    (folder / "tensorflow").mkdir()
    (folder / "tensorflow" / "__init__.py").write_text("raise SystemExit('tensorflow was imported')\n")
    return str(folder)


def test_importing_is_silent_and_loads_neither_tensorflow_nor_tfds(tmp_path):
    silently(IMPORT_EVERYTHING, path=trap(tmp_path))


def test_preparing_and_reading_never_import_tensorflow(small_mnist, tmp_path):
    digests = [str(archive.content_sha256) for archive in small_mnist.entry.archives]
    silently(PREPARE_AND_READ, str(small_mnist.archives), str(tmp_path / "data"), *digests, path=trap(tmp_path))
