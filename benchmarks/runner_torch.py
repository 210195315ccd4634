"""Torch in the jobs of `train_step.py`: pictures NCHW or with the channels last, or compiled."""

from typing import Any

import numpy as np
import torch

from benchmarks.timing import Clock, Runner
from benchmarks.torch_layers import TorchLayers
from benchmarks.workload import BATCHES, Workload, draw, normalised


class TorchNetwork(torch.nn.Module):
    """One of `networks`, with the task's weights. images: float32 [batch, channels, height, width]."""

    def __init__(self, task: Workload, *, train: bool) -> None:
        super().__init__()
        self.layers = TorchLayers(torch, double=False, train=True)
        self.layers.drop, self.layers.channels_first = task.drop, True
        self.network = task.network
        with torch.no_grad():  # makes the layers, those of auxiliary heads too
            task.network(self.layers, torch.zeros(2, task.channels, task.size, task.size))
        for name, values in self.layers.values(gradients=False).items():
            self.layers.load({name: draw(name, values.shape)})
        self.layers.train = train
        self.owned = torch.nn.ModuleList(self.layers.made.values())

    def forward(self, images: torch.Tensor) -> Any:
        return self.network(self.layers, images)


def torch_runner(
    task: Workload, job: str, clock: Clock, *, channels_last: bool = False, compiled: bool = False
) -> Runner:
    """float32 pictures; SGD with one fused kernel. compiled: by `torch.compile`, with the pictures' layout as given."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network: Any = TorchNetwork(task, train=job == "train").to(memory_format=layout)
    forward = torch.compile(network) if compiled else network
    batches = [
        (_pictures(batch["image"]).contiguous(memory_format=layout), torch.from_numpy(batch["label"]).long())
        for batch in task.batches(job)
    ]
    entropy = torch.nn.functional.cross_entropy
    optimizer = _sgd(task, network)
    if job == "train":

        def run(number: int) -> Any:
            images, labels = batches[number % BATCHES]
            optimizer.zero_grad(set_to_none=True)
            outputs = forward(images)
            logits, heads = outputs if isinstance(outputs, tuple) else (outputs, ())
            loss = entropy(logits, labels) + task.aux_weight * sum(entropy(head, labels) for head in heads)
            loss.backward()
            optimizer.step()
            return loss.detach()
    else:

        def run(number: int) -> Any:
            images, labels = batches[number % BATCHES]
            with torch.inference_mode():
                views = _views(images, task.size) if job == "ten_crop" else [images]
                scores = [forward(view) for view in views]
                loss = torch.stack([entropy(each, labels) for each in scores]).mean()
                return loss, (torch.stack(scores).softmax(-1).mean(0) if job == "ten_crop" else scores[0])

    def loss(number: int) -> float:
        found = run(number)
        return (found if job == "train" else found[0]).item()

    seconds = _compile(network, optimizer, run, clock) if compiled else 0.0
    return Runner(seconds, run, loss)


def _compile(network: Any, optimizer: torch.optim.SGD, run: Any, clock: Clock) -> float:
    """The seconds of the first call; weights, statistics and velocities are afterwards what they were before."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    began = clock()
    run(0)
    seconds = clock() - began
    network.load_state_dict(before)
    optimizer.state.clear()
    return seconds


def _pictures(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(normalised(images).transpose(0, 3, 1, 2).copy())


def _sgd(task: Workload, network: TorchNetwork) -> torch.optim.SGD:
    kernels = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim == 1]
    decay = task.weight_decay
    groups: list[dict[str, Any]] = [
        {"params": kernels, "lr": task.rate, "weight_decay": decay},
        {"params": others, "lr": task.rate * task.bias_rate, "weight_decay": decay if task.decay_biases else 0.0},
    ]
    return torch.optim.SGD(groups, lr=task.rate, momentum=task.momentum, fused=True)


def _views(images: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Four corners, the centre and their mirror images, as torchvision's TenCrop cuts them."""
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(y, x) for y in (0, bottom) for x in (0, right)] + [(bottom // 2, right // 2)]
    crops = [images[:, :, y : y + size, x : x + size] for y, x in corners]
    return crops + [crop.flip(3) for crop in crops]
