"""VGG: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014."""

from typing import Annotated, Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Dropout, Initializer, ReceptiveField
from jaxcnn.models.layers.initializers import Normal
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import MaxPool
from jaxcnn.models.layers.shapes import Shape, require_map, takes_images
from jaxcnn.ranges import NOT_EMPTY, Count, DropoutRate, OddCount, RangeError

# Table 1: the kernel size of each convolution, block by block.
A = ((3,), (3,), (3, 3), (3, 3), (3, 3))
B = ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3))
C = ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))
D = ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
E = ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3))
SHALLOW = ((5,), (5,), (5,), (5,), (5,))  # §4.1: B with one 5×5 for every two 3×3; 7 % more top-1 error


class DenseOverMap(Dense):
    """A fully connected layer made for a `size`×`size` map, slid over a larger one (§3.2).

    It has the parameters of `Dense`. It computes one matrix product over patches rather than a convolution: on a
    `size`×`size` map that equals `Dense` to the bit.
    """

    size: Count = 1

    def __call__(
        self, inputs: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch height-{self.size}+1 width-{self.size}+1 {self.features}"]:
        require_map(self, inputs.shape, self.size)
        batch, height, width, _ = inputs.shape
        rows, columns = height - self.size + 1, width - self.size + 1
        offsets = [(row, column) for row in range(self.size) for column in range(self.size)]
        parts = [inputs[:, row : row + rows, column : column + columns] for row, column in offsets]
        patches = jnp.concatenate(parts, axis=-1).reshape(batch * rows * columns, -1)
        return super().__call__(patches).reshape(batch, rows, columns, self.features)

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(self.size)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return outputs[1] * outputs[2] * self.size**2 * inputs[-1] * self.features


class VGG(CheckedModule):
    """Nets A to E of Table 1, by `blocks`.

    Input: float32 [batch, 224, 224, 3], mean-subtracted. Output: logits, float32 [batch, num_classes].

    The test protocol of §3.2 runs the fully connected layers over the map of a whole, larger image:
    `model.over_whole_images(224).apply(variables, images, train=False)` takes the same variables and returns
    a class map, float32 [batch, rows, columns, num_classes], to be averaged. For a 224-pixel image the map is 1×1
    and equals the logits of the plain network.

    >>> sum(len(block) for block in VGG(blocks=E).blocks) + 3  # convolutions and fully connected layers
    19
    """

    num_classes: Count = 1000
    blocks: Annotated[tuple[Annotated[tuple[OddCount, ...], NOT_EMPTY], ...], NOT_EMPTY] = D
    features: Annotated[tuple[Count, ...], NOT_EMPTY] = (64, 128, 256, 512, 512)  # of each block's convolutions
    hidden_units: Count = 4096
    use_lrn: bool = False  # A-LRN: after the first convolution, with AlexNet's values
    batch_norm: bool = False  # torchvision's -bn: after every convolution, which keeps its bias
    dropout_rate: DropoutRate = 0.5  # §3.1, in the first two fully connected layers
    # Deviation: a standard deviation of 0.01, which Caffe and those who train these networks use. §3.1 says a variance
    # of 10⁻², which is a standard deviation of 0.1. With Glorot's initialisation, the paper found, training doesn't
    # need the weights of net A.
    kernel_init: Initializer = Normal(0.01)
    dense_init: Initializer = Normal(0.01)
    map_size: Count | None = None  # with 7, fully connected layers made for 7×7 maps slide over larger maps
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.features) != len(self.blocks):
            raise RangeError(f"features (={self.features}) must have a value for each of blocks (={self.blocks}).")

    def over_whole_images(self, size: int = 224) -> "VGG":
        """The fully convolutional form of a network that was trained on `size`×`size` images (§3.2).

        >>> VGG().over_whole_images(224).map_size
        7

        Args:
          size: pixels of a side in training.

        Raises:
          ValueError: `size` is smaller than this network can be trained on.
        """
        halved = 2 ** len(self.blocks)
        if size < halved:
            raise ValueError(f"size (={size}) must be at least {halved}: {len(self.blocks)} blocks halve it.")
        return self.clone(map_size=size // halved)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch *map {self.num_classes}"]:
        weights = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        x = images
        for block, kernel_sizes in enumerate(self.blocks, start=1):
            features = self.features[block - 1]
            for number, size in enumerate(kernel_sizes, start=1):
                name = f"conv{block}_{number}"
                x = Conv(features, size, padding=size // 2, name=name, **weights)(x)
                if self.batch_norm:
                    x = BatchNorm(dtype=self.dtype, name=f"{name}.bn")(x, train=train)
                x = relu(x)
                if self.use_lrn and name == "conv1_1":
                    x = LocalResponseNorm(name="norm1")(x)
            x = MaxPool(2, 2, name=f"pool{block}")(x)  # 112, 56, 28, 14, 7 pixels

        x = relu(self.dense(self.hidden_units, self.map_size, name="fc6")(x))
        x = Dropout(self.dropout_rate, name="drop6")(x, train=train)
        x = relu(self.dense(self.hidden_units, 1, name="fc7")(x))
        x = Dropout(self.dropout_rate, name="drop7")(x, train=train)
        return self.dense(self.num_classes, 1, name="fc8")(x).astype(jnp.float32)

    def dense(self, features: int, size: int | None, name: str) -> Dense:
        """A fully connected layer for `size`×`size` maps, which slides over larger ones where `map_size` is set."""
        fields: dict[str, Any] = {"kernel_init": self.dense_init, "dtype": self.dtype, "name": name}
        if self.map_size is None or size is None:
            return Dense(features, **fields)
        return DenseOverMap(features, size=size, **fields)
