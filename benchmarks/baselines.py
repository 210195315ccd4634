"""What our pipeline is measured against: torch's DataLoader with Pillow, and decoding every picture whole."""

import functools
import io
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.jpeg_folder import FolderSource
from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.loading.order import batch_at, draws_at
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.loading.read import Batch, ChooseWindow

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TorchCrops(torch.utils.data.Dataset):
    """What torchvision's RandomResizedCrop(size, scale=(0.08, 1), antialias) does to a Pillow picture.

    floats: also ToTensor and Normalize. ours: our decoder and this crop instead of Pillow.
    """

    def __init__(
        self, source: FolderSource, pictures: int, size: int, *, floats: bool = False, ours: ChooseWindow | None = None
    ) -> None:
        self.source, self.pictures, self.size, self.floats, self.ours = source, pictures, size, floats, ours

    def __len__(self) -> int:
        return self.pictures

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        file = self.source.files[index % len(self.source)]
        if self.ours is not None:
            choose = functools.partial(self.ours, size=self.size, draws=torch.rand(self.ours.draws).numpy())
            image = decode(file.read_bytes(), size=self.size, channels=3, choose=choose, quick=True)
            return torch.from_numpy(np.array(image)), 0
        with file.open("rb") as opened:
            picture = Image.open(opened).convert("RGB")
        left, top, across, down = torch_window(*picture.size)
        window = picture.crop((left, top, left + across, top + down))
        image = torch.from_numpy(np.array(window.resize((self.size, self.size), Image.Resampling.BILINEAR)))
        if not self.floats:
            return image, 0
        image = image.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        mean, std = (torch.as_tensor(values)[:, None, None] for values in (MEAN, STD))
        return image.sub_(mean).div_(std), 0


def torch_window(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a random window, drawn as torchvision draws it."""
    low, high = torch.log(torch.tensor((3 / 4, 4 / 3))).tolist()
    for _ in range(10):
        area = width * height * torch.empty(1).uniform_(0.08, 1.0).item()
        aspect = math.exp(torch.empty(1).uniform_(low, high).item())
        across, down = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            top = int(torch.randint(0, height - down + 1, (1,)).item())
            left = int(torch.randint(0, width - across + 1, (1,)).item())
            return left, top, across, down
    side = min(width, height)  # torchvision limits the aspect instead; it happens to very long pictures
    return (width - side) // 2, (height - side) // 2, side, side


def loader(crops: TorchCrops, batch_size: int, workers: int) -> Any:
    """A DataLoader over all pictures in random order; its workers end with it."""
    torch.set_num_threads(1)
    return torch.utils.data.DataLoader(crops, batch_size=batch_size, shuffle=True, num_workers=workers)


def full_decode_batches(
    source: FolderSource, *, size: int, channels: int, batch_size: int, seed: int, crop: ChooseWindow
) -> Iterator[Batch]:
    """As `train_batches`, but Pillow decodes every picture whole, then resizes the same window."""

    def load(step: int) -> Batch:
        records = batch_at(len(source), batch_size, seed=seed, step=step)
        draws = draws_at(batch_size, crop.draws, seed=seed, step=step)
        images = np.empty((batch_size, size, size, channels), np.uint8)
        for row, record in enumerate(source.__getitems__(records)):
            assert isinstance(record["image"], bytes)
            picture = Image.open(io.BytesIO(record["image"])).convert("RGB")
            box, resampling = crop(*picture.size, size=size, draws=draws[row])
            images[row] = np.asarray(picture.resize((size, size), resampling, box=box))
        return {"image": images, "label": np.zeros(batch_size, np.int32)}

    return prefetched(load, 0, sys.maxsize)
