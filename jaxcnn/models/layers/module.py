"""What every layer and network is: a Flax module whose fields are checked when it is made."""

import flax.linen as nn

from jaxcnn.ranges import check


class CheckedModule(nn.Module):
    """A module whose fields' annotations say which values have a meaning: see `jaxcnn.ranges`.

    Fields that must fit each other are checked in the `__post_init__` of the class that declares them, after this one.

    Raises:
      RangeError: a field lies outside its range. It is a ValueError, and a UsageError on the command line.
    """

    def __post_init__(self) -> None:
        check(self)
        super().__post_init__()


def name_of(module: nn.Module) -> str:
    """How messages call a module in a network: its path, "aux1.avgpool"; a module used alone by its class."""
    return ".".join(module.path) if module.scope is not None and module.path else type(module).__name__
