"""The base of every layer and network: a Flax module whose fields are checked when it is made."""

import flax.linen as nn

from jaxcnn.ranges import check


class CheckedModule(nn.Module):
    """A module whose fields' annotations say which values are allowed: see `jaxcnn.ranges`.

    Fields that depend on each other are checked in the `__post_init__` of the class that declares them.

    Raises:
      RangeError: a field lies outside its range. It is a ValueError, and a UsageError on the command line.
    """

    def __post_init__(self) -> None:
        check(self)
        super().__post_init__()


def name_of(module: nn.Module) -> str:
    """A module's name in messages: its path in the network, "aux1.avgpool", or the class of one that is used alone."""
    return ".".join(module.path) if module.scope is not None and module.path else type(module).__name__
