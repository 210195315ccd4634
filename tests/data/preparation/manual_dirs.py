"""Small archives and folders of the layouts that are known, and ways to write them."""

import io
import tarfile
from pathlib import Path

from PIL import Image

Files = dict[str, bytes]


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=90)
    return file.getvalue()


def jpeg(shade: int, kind: str = "JPEG") -> bytes:
    return encoded(Image.new("RGB", (12, 8), (shade, 30, 90)), kind)


def tar(files: Files, mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def below(folder: str, *parts: Files) -> Files:
    return {f"{folder}/{name}": content for part in parts for name, content in part.items()}


def fill(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


TENCH, SPRINGER, SNAKE = "n01440764", "n02102040", "n01751748"  # the snake: of the first validation image
TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
LEFT_BY_MACOS = {"._a.JPEG": b"\0\5\x16\7", ".DS_Store": b"Bud1", "__MACOSX/._n01440764_0.JPEG": b"\0\5\x16\7"}
CLASSES = {f"{wnid}/{wnid}_{i}.JPEG": jpeg(i) for wnid in (TENCH, SPRINGER) for i in range(2)}
CLASS_TARS = {f"{wnid}.tar": tar({f"{wnid}_{i}.JPEG": jpeg(i) for i in range(2)}) for wnid in (TENCH, SPRINGER)}
IMAGES = {f"ILSVRC2012_val_{i:08d}.JPEG": jpeg(i) for i in (1, 2, 3)}
SORTED = {f"{SNAKE}/ILSVRC2012_val_00000001.JPEG": jpeg(1)}
BATCHES = [f"data_batch_{number}.bin" for number in range(1, 6)]
CIFAR = {name: (b"\7" + bytes(3072)) * 2 for name in [*BATCHES, "test_batch.bin"]}
CIFAR |= {"batches.meta.txt": "\n".join(f"class{i}" for i in range(10)).encode()}
IMAGENETTE = below("train", CLASSES) | below("val", CLASSES)
