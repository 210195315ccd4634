"""ResNet: He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", 2015."""

from typing import Annotated, Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Initializer
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import GlobalAveragePool, MaxPool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.ranges import NOT_EMPTY, Count

# §3.3: A appends channels of zeros, B projects where the shape changes, C always projects; "none": a plain network.
Shortcut = Literal["A", "B", "C", "none"]

# Table 1: blocks in conv2_x … conv5_x, and whether they are bottlenecks.
DEPTHS: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}


class ResidualBlock(CheckedModule):
    """Two 3×3 convolutions, or the bottleneck of 1×1, 3×3 and 1×1 with four times the features last (figure 5).

    Batch normalisation follows each convolution, and the last ReLU the addition. The layers' names are "a", "b", for
    a bottleneck "c", and "shortcut" for a projection.
    """

    features: Count
    strides: Count
    shortcut: Shortcut
    bottleneck: bool
    stride_on_3x3: bool = False
    kernel_init: Initializer = HE_FAN_IN
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float[Array, "batch rows columns features"]:
        def unit(
            x: Float[Array, "batch height width channels"], features: int, size: int, strides: int, name: str
        ) -> Float[Array, "batch rows columns {features}"]:
            weights = {"use_bias": False, "kernel_init": self.kernel_init, "dtype": self.dtype}
            x = Conv(features, size, strides, size // 2, name=name, **weights)(x)
            return BatchNorm(dtype=self.dtype, name=f"{name}.bn")(x, train=train)

        if self.bottleneck:
            first, second = (1, self.strides) if self.stride_on_3x3 else (self.strides, 1)
            y = relu(unit(x, self.features, 1, first, "a"))
            y = relu(unit(y, self.features, 3, second, "b"))
            y = unit(y, 4 * self.features, 1, 1, "c")
        else:
            y = relu(unit(x, self.features, 3, self.strides, "a"))
            y = unit(y, self.features, 3, 1, "b")

        if self.shortcut == "none":
            return relu(y)
        if self.shortcut == "C" or (self.shortcut == "B" and x.shape != y.shape):
            x = unit(x, y.shape[-1], 1, self.strides, "shortcut")
        elif self.shortcut == "A":
            x = identity_with_zeros(x, self.strides, y.shape[-1])
        return relu(y + x)


def identity_with_zeros(
    x: Float[Array, "batch height width inputs"], strides: int, channels: int
) -> Float[Array, "batch rows columns {channels}"]:
    """Shortcut A: every `strides`-th pixel, with channels of zeros appended (§3.3).

    Args:
      x: the block's input.
      strides: of the block.
      channels: of the block's output.

    Raises:
      ValueError: the block has fewer channels than its input.
    """
    if channels < x.shape[-1]:
        raise ValueError(f"shortcut A adds channels: it can't make {channels} of {x.shape[-1]}.")
    x = x[:, ::strides, ::strides]
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))


class ResNet(CheckedModule):
    """The ImageNet networks of Table 1, which `ResNet.of_depth(50)` and its like build.

    Input: float32 [batch, 224, 224, 3], mean-subtracted; other sizes work too, as the last maps are averaged.
    Output: logits, float32 [batch, num_classes].
    """

    num_classes: Count = 1000
    blocks: Annotated[tuple[Count, ...], NOT_EMPTY] = (3, 4, 6, 3)  # each stage has half the pixels, twice the maps
    bottleneck: bool = True
    shortcut: Shortcut = "B"
    stride_on_3x3: bool = False  # torchvision's "v1.5": a bottleneck strides in its 3×3, not in its first 1×1
    # The authors' Caffe pads nothing and rounds the number of pool1's windows up. There are as many as with the padding
    # of 1 pixel that torch uses, but one pixel further to the bottom right.
    pool1_ceil: bool = False
    kernel_init: Initializer = HE_FAN_IN  # §3.4, after He et al. 2015; torchvision: HE_FAN_OUT
    dense_init: Initializer = HE_FAN_IN
    dtype: Any = jnp.float32

    @classmethod
    def of_depth(cls, depth: int, **fields: Any) -> "ResNet":
        """The network of 18, 34, 50, 101 or 152 layers (Table 1).

        >>> ResNet.of_depth(101).blocks
        (3, 4, 23, 3)

        Args:
          depth: the number of layers with weights.
          **fields: other fields of the network.

        Raises:
          ValueError: Table 1 has no network of this depth.
        """
        if depth not in DEPTHS:
            raise ValueError(f"depth (={depth}) must be one of {', '.join(map(str, DEPTHS))}.")
        blocks, bottleneck = DEPTHS[depth]
        return cls(blocks=blocks, bottleneck=bottleneck, **fields)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        weights = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        x = Conv(64, 7, 2, padding=3, use_bias=False, name="conv1", **weights)(images)  # 112×112×64
        x = relu(BatchNorm(dtype=self.dtype, name="conv1.bn")(x, train=train))
        x = MaxPool(3, 2, padding=0 if self.pool1_ceil else 1, ceil=self.pool1_ceil, name="pool1")(x)  # 56×56×64
        for stage, count in enumerate(self.blocks):  # 56, 28, 14, 7 pixels
            for number in range(1, count + 1):
                x = ResidualBlock(
                    features=64 * 2**stage,
                    strides=2 if stage > 0 and number == 1 else 1,
                    shortcut=self.shortcut,
                    bottleneck=self.bottleneck,
                    stride_on_3x3=self.stride_on_3x3,
                    name=f"conv{stage + 2}_{number}",
                    **weights,
                )(x, train=train)
        x = GlobalAveragePool(name="avgpool")(x)
        x = Dense(self.num_classes, kernel_init=self.dense_init, dtype=self.dtype, name="fc")(x)
        return x.astype(jnp.float32)
