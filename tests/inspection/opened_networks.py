"""Small networks with random weights, opened to be looked at."""

from untrained_runs import small, untrained

from jaxcnn.inspection.network.opened import OpenedNetwork


def square(size: int, stored: int | None = None) -> tuple[str, ...]:
    return f"inputs.size={size}", f"inputs.stored_size={stored or size}"


CLASSES = "model.num_classes=7"
# The default variant of every experiment, at a size that is quick; the LeNet-5 of 1998 has its own.
SMALL = {
    "lenet5_1998": (),
    "cnn_primer": (*square(16), CLASSES),
    "alexnet_2012": (*square(99, 104), CLASSES, "model.hidden_units=32", "model.features=(8,16,16,16,8)"),
    "nin_2013": (*square(16), CLASSES, "model.block1=(12,8,8)", "model.block2=(12,8,8)", "model.block3=(12,8)"),
    "vgg_2014": (*square(32, 36), CLASSES, "model.hidden_units=32", "model.features=(8,8,8,16,16)"),
    "googlenet_2014": (*square(64, 72), CLASSES, "model.adaptive_aux_pool=True", "averaging=None"),
    "resnet_2015": (*square(48, 52), CLASSES, "model.blocks=(1,1,1,1)"),
    "resnet_cifar_2015": (*square(16), CLASSES, "model.n=1"),
}


def opened(title: str, *settings: str, seed: int = 0) -> OpenedNetwork:
    """An experiment's network with random weights."""
    name = title.split(":")[0]
    return OpenedNetwork(untrained(small(title, *SMALL[name], *settings), seed))
