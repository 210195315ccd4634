"""What a file of weights becomes: a network's variables, and what makes the experiment compute the same function."""

import dataclasses
from typing import Any

Tree = Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converted:
    """The weights of a file, for one experiment.

    Attributes:
      format: of the file: "pytorch", "safetensors" or "caffe".
      family: whose conventions the names follow, as a person knows it ("torchvision", "Caffe's bvlc_googlenet").
      variables: {"params": …, "batch_stats": …}, nested by layer as the network has them; float32 NumPy arrays.
      overrides: path → value, as for `override`: fields of the model that make the function the same, and of the
        inputs that are the preprocessing the weights want.
      adapted: what was reordered or switched so that the function is the same, a sentence each.
      class_names: the name of each output, where the file or its family has them.
      missing: the network's variables that the file doesn't have, "conv1/kernel".
      unexpected: the file's arrays that the network has no place for, by the file's names.
      wrong_shape: arrays whose shapes don't fit, a sentence each with both shapes.
    """

    format: str
    family: str
    variables: dict[str, Tree]
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
    adapted: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether every variable has its array, and every array its variable."""
        return not (self.missing or self.unexpected or self.wrong_shape)
