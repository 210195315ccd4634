"""The original archives of every data set: names, URLs and digests, as TFDS registers them.

For a gzipped IDX file the digest of the decompressed content is given too, because recompressed copies hold the same
data but differ as files.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Archive:
    """One original file, and the other forms in which its content may be found in the user's folder.

    Attributes:
        file_name: name of the original file.
        url: where to download it; None if a program can't.
        file_sha256: digest of the original file.
        other_sha256: digests of other originals that are accepted.
        content_sha256: digest of the decompressed content.
        other_names: patterns of other file names: recompressed, decompressed, or a part of the archive.
        folders: patterns of the names of a folder into which the archive was unpacked.
        holds: patterns of names in that folder; at least one entry must match.
        unpacked: the name of that folder in messages.
        optional: whether the data set is complete without this archive.
    """

    file_name: str
    url: str | None = None
    file_sha256: str | None = None
    other_sha256: tuple[str, ...] = ()
    content_sha256: str | None = None
    other_names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ("*",)
    holds: tuple[str, ...] = ()
    unpacked: str = ""
    optional: bool = False


def _idx_archives(base: str, files: dict[str, tuple[str, str]]) -> tuple[Archive, ...]:
    def named(name: str) -> tuple[str, ...]:
        decompressed = name.removesuffix(".gz")
        dotted = decompressed.replace("-idx", ".idx")  # as some programs rename it
        return decompressed, dotted, dotted + ".gz"

    return tuple(
        Archive(name, base + name, file_digest, content_sha256=content_digest, other_names=named(name))
        for name, (file_digest, content_digest) in files.items()
    )


MNIST = _idx_archives(
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
)

FASHION_MNIST = _idx_archives(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
)

CIFAR10 = (
    Archive(
        "cifar-10-binary.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        file_sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        other_names=("cifar-10-binary*.tar.gz", "cifar-10-binary*.tgz", "cifar-10-binary*.tar"),
        holds=("data_batch_1.bin",),
        unpacked="cifar-10-batches-bin/",
    ),
)
CIFAR100 = (
    Archive(
        "cifar-100-binary.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        file_sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        other_names=("cifar-100-binary*.tar.gz", "cifar-100-binary*.tgz", "cifar-100-binary*.tar"),
        holds=("fine_label_names.txt",),
        unpacked="cifar-100-binary/",
    ),
)

_SVHN_BASE = "http://ufldl.stanford.edu/housenumbers/"
SVHN = (
    Archive(
        "train_32x32.mat",
        _SVHN_BASE + "train_32x32.mat",
        file_sha256="435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    Archive(
        "test_32x32.mat",
        _SVHN_BASE + "test_32x32.mat",
        file_sha256="cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
    # 1.3 GB that only some recipes train on: used if present, never downloaded.
    Archive(
        "extra_32x32.mat",
        file_sha256="a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
        optional=True,
    ),
)

# The 320-pixel archive is the one to download: the smallest whose images fill AlexNet's 256×256.
IMAGENETTE = (
    Archive(
        "imagenette2-320.tgz",
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
        file_sha256="569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
        # The full-size and the 160-pixel archives are accepted too.
        other_sha256=(
            "6cbfac238434d89fe99e651496f0812ebc7a10fa62bd42d6874042bf01de4efd",
            "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
        ),
        other_names=("imagenette2*.tgz", "imagenette2*.tar.gz", "imagenette2*.tar"),
        folders=("imagenette2*",),
        holds=("train", "val"),
        unpacked="imagenette2-320/",
    ),
)

_CLASS_FOLDER = "n" + "[0-9]" * 8
IMAGENET = (
    Archive(
        "ILSVRC2012_img_train.tar",
        other_names=("ILSVRC2012_img_train*.tar", "ILSVRC2012_img_train*.tar.gz", "ILSVRC2012_img_train*.tgz"),
        folders=("train", "ILSVRC2012_img_train"),
        holds=(_CLASS_FOLDER, _CLASS_FOLDER + ".tar"),
        unpacked="train/ with n01440764/ and so on",
    ),
    Archive(
        "ILSVRC2012_img_val.tar",
        other_names=("ILSVRC2012_img_val*.tar", "ILSVRC2012_img_val*.tar.gz", "ILSVRC2012_img_val*.tgz"),
        folders=("val", "validation", "ILSVRC2012_img_val"),
        holds=("ILSVRC2012_val_*.JP*", "ILSVRC2012_val_*.jp*", _CLASS_FOLDER),
        unpacked="val/ with ILSVRC2012_val_00000001.JPEG and so on",
    ),
)

_PYTHON = "the Python version, which is not supported: pickles can run code"
_MATLAB = "the MATLAB version, which is not supported"
_CIFAR = {
    "cifar-10*python*": _PYTHON,
    "cifar-10*-batches-py": _PYTHON,
    "data_batch_1": _PYTHON,
    "cifar-10*matlab*": _MATLAB,
    "cifar-10*-batches-mat": _MATLAB,
    "data_batch_1.mat": _MATLAB,
}
_HOUSES = "whole house numbers; the cropped digits are needed"
# Files that are easily mistaken for an archive: for each data set, patterns of lower-case names with an explanation.
LOOKALIKES: dict[str, dict[str, str]] = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "svhn_cropped": dict.fromkeys(("train", "test", "train.tar*", "test.tar*", "digitstruct.mat"), _HOUSES),
    "imagenette": {
        **dict.fromkeys(("imagenette", "imagenette-*", "imagenette.t*"), "the first version; the second is needed"),
        **dict.fromkeys(("train", "val"), "its parent folder must be called imagenette2-320 or similar"),
        "imagewoof*": "other classes",
    },
    "imagenet2012": {
        _CLASS_FOLDER: "a class; move all classes into a folder train/",
        "train": "without class folders such as n01440764/",
        "val": "without class folders and without ILSVRC2012_val_00000001.JPEG and so on",
        "imagenet_object_localization*": "Kaggle's archive: unpack it",
        "ilsvrc2012_img_test*": "without labels, not needed",
        "ilsvrc2012_devkit*": "not needed",
    },
}
_ANOTHER_LAYOUT = "a layout that is not supported"
LOOKALIKES_OF_ALL = {
    **dict.fromkeys(("*.zip", "*.7z", "*.rar"), "unpack it"),
    **dict.fromkeys(("*.part", "*.crdownload", "*.download"), "an unfinished download"),
    **dict.fromkeys(("*.csv", "*.np[yz]", "*.pt", "*.parquet", "*.arrow", "*.tfrecord*"), _ANOTHER_LAYOUT),
}
