"""The papers' networks in the words of some library's layers: torch's (`torch_layers`) or plain Flax's (`flax_layers`).

They are written from the papers once more, not from `jaxcnn.models`: the tests compare the two. Each takes `layers`,
pictures in that library's layout, and the sizes that tests make smaller; it gives logits, and GoogLeNet in training
(logits, (logits of a head, …)). Layers have the names of ours, so that weights can be copied.
"""

from collections.abc import Sequence
from typing import Any

VGG_D = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
# Szegedy et al. 2014, Table 1: filters of 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj.
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def lenet5(layers: Any, x: Any) -> Any:
    """What textbooks call LeNet-5, with ReLU."""
    x = layers.average_pool(layers.relu(layers.conv("C1", x, 6, 5, padding=2)), 2, 2)
    x = layers.average_pool(layers.relu(layers.conv("C3", x, 16, 5)), 2, 2)
    x = layers.relu(layers.linear("C5", x, 120))
    x = layers.relu(layers.linear("F6", x, 84))
    return layers.linear("output", x, 10)


def alexnet(layers: Any, x: Any, *, hidden: int = 4096, classes: int = 1000) -> Any:
    """Two towers, each normalised by itself."""

    def respond_and_pool(x):
        return layers.max_pool(layers.respond(x, groups=2), 3, 2)

    x = respond_and_pool(layers.relu(layers.conv("conv1", x, 96, 11, 4)))
    x = respond_and_pool(layers.relu(layers.conv("conv2", x, 256, 5, padding=2, groups=2)))
    x = layers.relu(layers.conv("conv3", x, 384, 3, padding=1))
    x = layers.relu(layers.conv("conv4", x, 384, 3, padding=1, groups=2))
    x = layers.max_pool(layers.relu(layers.conv("conv5", x, 256, 3, padding=1, groups=2)), 3, 2)
    x = layers.dropout(layers.relu(layers.linear("fc6", x, hidden)), 0.5)
    x = layers.dropout(layers.relu(layers.linear("fc7", x, hidden)), 0.5)
    return layers.linear("fc8", x, classes)


def nin(layers: Any, x: Any) -> Any:
    """For CIFAR-10."""

    def block(x, convolution, features, size, cccp, widths):
        x = layers.relu(layers.conv(f"conv{convolution}", x, features, size, padding=size // 2))
        for number, width in enumerate(widths, start=cccp):
            x = layers.relu(layers.conv(f"cccp{number}", x, width, 1))
        return x

    x = layers.dropout(layers.max_pool(block(x, 1, 192, 5, 1, (160, 96)), 3, 2, ceil=True), 0.5)
    x = layers.dropout(layers.max_pool(block(x, 2, 192, 5, 3, (192, 192)), 3, 2, ceil=True), 0.5)
    return layers.mean(block(x, 3, 192, 3, 5, (192, 10)))


def vgg(
    layers: Any,
    x: Any,
    *,
    blocks: Sequence[tuple[int, int]] = VGG_D,
    hidden: int = 4096,
    classes: int = 1000,
    batch_norm: bool = False,
) -> Any:
    """Nets with 3×3 filters alone. blocks: features and convolutions of each."""
    for block, (features, count) in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            x = layers.conv(name, x, features, 3, padding=1)
            x = layers.relu(layers.norm(f"{name}.bn", x) if batch_norm else x)
        x = layers.max_pool(x, 2, 2)
    x = layers.dropout(layers.relu(layers.linear("fc6", x, hidden)), 0.5)
    x = layers.dropout(layers.relu(layers.linear("fc7", x, hidden)), 0.5)
    return layers.linear("fc8", x, classes)


def googlenet(layers: Any, x: Any, *, classes: int = 1000, as_in_torchvision: bool = False) -> Any:
    """Table 1; or torchvision's, with batch norm, without response normalisation, 3×3 for 5×5 and 2×2 in pool4."""
    respond = (lambda x: x) if as_in_torchvision else layers.respond

    def unit(x, name, features, size, stride=1):
        x = layers.conv(name, x, features, size, stride, size // 2, bias=not as_in_torchvision)
        return layers.relu(layers.norm(f"{name}.bn", x, epsilon=1e-3) if as_in_torchvision else x)

    def pool(x, size=3):
        return layers.max_pool(x, size, 2, ceil=True)

    def inception(x, name):
        n1, r3, n3, r5, n5, projection = INCEPTION[name]
        large = 3 if as_in_torchvision else 5
        b1 = unit(x, f"{name}.1x1", n1, 1)
        b2 = unit(unit(x, f"{name}.3x3_reduce", r3, 1), f"{name}.3x3", n3, 3)
        b3 = unit(unit(x, f"{name}.5x5_reduce", r5, 1), f"{name}.5x5", n5, large)
        b4 = unit(layers.max_pool(x, 3, 1, padding=1), f"{name}.pool_proj", projection, 1)
        return layers.concatenate([b1, b2, b3, b4])

    def head(x, name):
        x = layers.adaptive_average(x, 4) if as_in_torchvision else layers.average_pool(x, 5, 3)
        x = layers.relu(layers.linear(f"{name}.fc", unit(x, f"{name}.conv", 128, 1), 1024))
        return layers.linear(f"{name}.classifier", layers.dropout(x, 0.7), classes)

    x = respond(pool(unit(x, "conv1", 64, 7, 2)))
    x = pool(respond(unit(unit(x, "conv2_reduce", 64, 1), "conv2", 192, 3)))
    x = inception(pool(inception(inception(x, "3a"), "3b")), "4a")
    aux1 = head(x, "aux1") if layers.train else None
    x = inception(inception(inception(x, "4b"), "4c"), "4d")
    aux2 = head(x, "aux2") if layers.train else None
    x = pool(inception(x, "4e"), 2 if as_in_torchvision else 3)
    x = layers.mean(inception(inception(x, "5a"), "5b"))
    logits = layers.linear("fc", layers.dropout(x, 0.2 if as_in_torchvision else 0.4), classes)
    return (logits, (aux1, aux2)) if layers.train else logits


def _unit(layers: Any, x: Any, name: str, features: int, size: int, stride: int = 1) -> Any:
    """A convolution and its batch norm."""
    return layers.norm(f"{name}.bn", layers.conv(name, x, features, size, stride, size // 2, bias=False))


def cifar_resnet(layers: Any, x: Any, *, n: int = 3) -> Any:
    """6n + 2 layers with shortcuts of option A."""
    x = layers.relu(_unit(layers, x, "conv1", 16, 3))
    for stage, features in ((1, 16), (2, 32), (3, 64)):
        for number in range(1, n + 1):
            stride, name = 2 if stage > 1 and number == 1 else 1, f"s{stage}_{number}"
            y = layers.relu(_unit(layers, x, f"{name}.a", features, 3, stride))
            y = _unit(layers, y, f"{name}.b", features, 3)
            x = layers.relu(y + (layers.every_second_with_zeros(x) if stride == 2 else x))
    return layers.linear("fc", layers.mean(x), 10)


def resnet(
    layers: Any,
    x: Any,
    *,
    blocks: Sequence[int] = (3, 4, 6, 3),
    bottleneck: bool = True,
    stride_on_3x3: bool = False,
    classes: int = 1000,
) -> Any:
    """ImageNet's, with shortcuts of option B."""
    x = layers.max_pool(layers.relu(_unit(layers, x, "conv1", 64, 7, 2)), 3, 2, padding=1)
    for stage, count in enumerate(blocks, start=2):
        width = 2 ** (stage + 4)
        for number in range(1, count + 1):
            name, stride = f"conv{stage}_{number}", 2 if stage > 2 and number == 1 else 1
            if bottleneck:
                first, second = (1, stride) if stride_on_3x3 else (stride, 1)
                y = layers.relu(_unit(layers, x, f"{name}.a", width, 1, first))
                y = layers.relu(_unit(layers, y, f"{name}.b", width, 3, second))
                y = _unit(layers, y, f"{name}.c", 4 * width, 1)
            else:
                y = layers.relu(_unit(layers, x, f"{name}.a", width, 3, stride))
                y = _unit(layers, y, f"{name}.b", width, 3)
            if y.shape != x.shape:
                x = _unit(layers, x, f"{name}.shortcut", 4 * width if bottleneck else width, 1, stride)
            x = layers.relu(y + x)
    return layers.linear("fc", layers.mean(x), classes)
