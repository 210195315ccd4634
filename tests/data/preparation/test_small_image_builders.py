"""CIFAR and SVHN, from small archives of the official layout."""

import io
import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import is_prepared, open_source
from jaxcnn.errors import DataMissingError

COARSE = 20
RANDOM = np.random.default_rng(0)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def cifar_archive(path, name: str, count: int = 30, labels_of=None, leave_out: str = "") -> dict:
    """Writes an archive; returns {split: [(image [32, 32, 3] bytes, label)]}."""
    classes = {"cifar10": 10, "cifar100": 100}[name]
    files = {f"data_batch_{n}.bin": "train" for n in range(1, 6)} | {"test_batch.bin": "test"}
    top, names = "cifar-10-batches-bin", {"batches.meta.txt": classes}
    if name == "cifar100":
        files, top = {"train.bin": "train", "test.bin": "test"}, "cifar-100-binary"
        names = {"coarse_label_names.txt": COARSE, "fine_label_names.txt": classes}
    written = {"train": [], "test": []}
    with tarfile.open(path, "w:gz") as archive:
        for file, split in files.items():
            content = b""
            for _ in range(count):
                label, image = int(RANDOM.integers(classes)), RANDOM.integers(0, 256, (32, 32, 3), np.uint8)
                written[split].append((image.tobytes(), label))
                coarse = bytes([label % COARSE]) if name == "cifar100" else b""
                content += coarse + bytes([label]) + image.transpose(2, 0, 1).tobytes()
            if file != leave_out:
                add(archive, f"{top}/{file}", content)
        for file, number in names.items():
            add(archive, f"{top}/{file}", "".join(f"{file[0]}{i}\n" for i in range(number)).encode() + b"\n")
    return written


def read_back(name: str, split: str, data_dir) -> list:
    source = open_source(name, split, data_dir=data_dir)
    records = source.__getitems__(range(len(source)))
    return [(decode(record["image"], size=32, channels=3).tobytes(), record["label"]) for record in records]


@pytest.mark.parametrize(
    ("name", "file", "first_name"),
    [("cifar10", "cifar-10-binary.tar.gz", "b0"), ("cifar100", "cifar-100-binary-some.tar.gz", "f0")],
)
def test_cifar_has_all_images_and_says_that_it_isnt_the_original(tmp_path, caplog, name, file, first_name):
    written = cifar_archive(tmp_path / file, name)
    prepare(name, data_dir=tmp_path / "data", manual_dir=tmp_path)
    assert f"{tmp_path / file} is not the original archive of {name}" in caplog.text
    for split in ("train", "test"):
        assert sorted(read_back(name, split, tmp_path / "data")) == sorted(written[split])
    source = open_source(name, "test", data_dir=tmp_path / "data")
    assert source.class_names[0] == first_name and len(source.class_names) == source.num_classes
    assert "the full set 10,000" in source.note


def test_plain_tfds_reads_the_other_features_too(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    cifar_archive(tmp_path / "cifar-100-binary.tar.gz", "cifar100")
    prepare("cifar100", data_dir=tmp_path, manual_dir=tmp_path)
    theirs = tfds.data_source("cifar100", split="train", data_dir=tmp_path)
    assert sorted(record["id"] for record in theirs) == [f"train_{i:05d}".encode() for i in range(30)]
    assert all(record["coarse_label"] == record["label"] % COARSE for record in theirs)


@pytest.mark.parametrize("spoil", ["cut", "no file", "odd length", "label"])
def test_a_damaged_cifar_archive_is_named(tmp_path, spoil):
    path = tmp_path / "cifar-10-binary.tar.gz"
    cifar_archive(path, "cifar10", leave_out="data_batch_3.bin" if spoil == "no file" else "")
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    if spoil in ("odd length", "label"):
        with tarfile.open(path, "w:gz") as archive:
            for file in (
                "data_batch_1",
                "data_batch_2",
                "data_batch_3",
                "data_batch_4",
                "data_batch_5",
                "test_batch",
            ):
                add(
                    archive,
                    f"cifar-10-batches-bin/{file}.bin",
                    bytes([10]) * (3073 if spoil == "label" else 3000),
                )
            add(archive, "cifar-10-batches-bin/batches.meta.txt", b"a\n" * 10)
    with pytest.raises(DataMissingError) as caught:
        prepare("cifar10", data_dir=tmp_path / "data", manual_dir=tmp_path)
    expected = "lacks data_batch_3.bin" if spoil == "no file" else "damaged"
    assert str(path) in str(caught.value) and expected in str(caught.value)
    assert not is_prepared("cifar10", tmp_path / "data")


def svhn_files(folder, splits) -> dict:
    written = {}
    for split in splits:
        images = RANDOM.integers(0, 256, (32, 32, 3, 40), np.uint8)
        labels = np.arange(40) % 10 + 1
        savemat(folder / f"{split}_32x32.mat", {"X": images, "y": labels[:, None].astype(np.uint8)})
        written[split] = [(images[..., i].tobytes(), int(labels[i]) % 10) for i in range(40)]
    return written


@pytest.mark.parametrize("splits", [("train", "test"), ("train", "test", "extra")])
def test_svhn_has_the_digit_ten_as_zero(tmp_path, splits):
    tfds = pytest.importorskip("tensorflow_datasets")
    written = svhn_files(tmp_path, splits)
    prepare("svhn_cropped", data_dir=tmp_path / "data", manual_dir=tmp_path)
    for split in ("train", "test"):
        assert sorted(read_back("svhn_cropped", split, tmp_path / "data")) == sorted(written[split])
    if "extra" in splits:
        extra = tfds.data_source("svhn_cropped", split="extra", data_dir=tmp_path / "data")
        assert sorted((r["image"].tobytes(), int(r["label"])) for r in extra) == sorted(written["extra"])


@pytest.mark.parametrize("spoil", ["cut", "other arrays"])
def test_a_damaged_svhn_file_is_named(tmp_path, spoil):
    svhn_files(tmp_path, ("train", "test"))
    path = tmp_path / "test_32x32.mat"
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        savemat(path, {"X": np.zeros((2, 2)), "y": np.ones((2, 1))})
    with pytest.raises(DataMissingError) as caught:
        prepare("svhn_cropped", data_dir=tmp_path / "data", manual_dir=tmp_path)
    assert str(path) in str(caught.value)
    assert not is_prepared("svhn_cropped", tmp_path / "data")
