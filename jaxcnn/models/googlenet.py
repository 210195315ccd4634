"""GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", 2014. Sections and Table 1 are that paper's.

What the paper leaves out (biases, initial values) is as in Caffe's bvlc_googlenet, but for the response normalisation:
its constants are AlexNet's, k = 2 and α not divided by n, where Caffe has k = 1 and α / n.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Dropout, Initializer, Layer, ReceptiveField
from jaxcnn.models.layers.initializers import CAFFE_XAVIER, Constant, TruncatedNormal
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.module import CheckedModule, name_of
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from jaxcnn.models.layers.shapes import Shape, require_map, takes_images
from jaxcnn.ranges import Count, DropoutRate, NonNegative, OddCount, Positive

Logits = Float32[Array, "batch {self.num_classes}"]


class AdaptiveAveragePool(Layer):
    """The means of a `size`×`size` grid of windows that cover the map; they overlap where it can't be divided evenly.

    As torch's adaptive_avg_pool2d: of n pixels, window i covers those from ⌊i·n/size⌋ up to ⌈(i + 1)·n/size⌉.
    """

    kind: ClassVar[str] = "avgpool"

    size: Count

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch {self.size} {self.size} channels"]:
        require_map(self, images.shape)
        rows, columns = (self.weights(pixels).astype(images.dtype) for pixels in images.shape[1:3])
        return jnp.einsum("ih,bhwc,jw->bijc", rows, images, columns)

    def weights(self, pixels: int) -> Float[np.ndarray, "{self.size} {pixels}"]:
        """The weight of each pixel in the mean of each window along one side."""
        starts = np.arange(self.size) * pixels // self.size
        ends = -(-np.arange(1, self.size + 1) * pixels // self.size)
        places = np.arange(pixels)[None, :]
        inside = (places >= starts[:, None]) & (places < ends[:, None])
        return inside / (ends - starts)[:, None]

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(-(-inputs[1] // self.size), inputs[1] // self.size)


class Concatenate(Layer):
    """Joins maps of one size along the channels."""

    kind: ClassVar[str] = "concat"

    @nn.compact
    def __call__(self, *branches: Float[Array, "batch height width _"]) -> Float[Array, "batch height width channels"]:
        sizes = {branch.shape[:-1] for branch in branches}
        if len(sizes) != 1:
            raise ValueError(f"{name_of(self)} takes maps of one size, not {', '.join(map(str, sorted(sizes)))}.")
        return jnp.concatenate(branches, axis=-1)


def convolve_and_rectify(
    images: Float[Array, "batch height width channels"],
    features: int,
    kernel_size: int,
    strides: int = 1,
    *,
    train: bool,
    batch_norm: bool,
    kernel_init: Initializer,
    bias_init: Initializer,
    dtype: Any,
    name: str,
) -> Float[Array, "batch rows columns {features}"]:
    """A convolution that keeps the map's size at stride 1, then a ReLU.

    Args:
      images: the input.
      features, kernel_size, strides, kernel_init, bias_init, dtype, name: of the convolution.
      train: whether the network is being trained, for the batch normalisation.
      batch_norm: whether batch normalisation stands in for the biases.
    """
    conv = partial(Conv, kernel_size=kernel_size, strides=strides, padding=kernel_size // 2, name=name)
    conv = partial(conv, features, kernel_init=kernel_init, dtype=dtype)
    if not batch_norm:
        return relu(conv(bias_init=bias_init)(images))
    x = conv(use_bias=False)(images)
    return relu(BatchNorm(epsilon=1e-3, dtype=dtype, name=f"{name}.bn")(x, train=train))


class Inception(CheckedModule):
    """Four branches, joined along the channels (figure 2b)."""

    features: tuple[Count, Count, Count, Count, Count, Count]  # a row of Table 1, from #1×1 to pool proj
    unit: Callable[..., jax.Array]
    large_kernel: OddCount

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch height width features"]:
        direct, reduce3, conv3, reduce5, conv5, projection = self.features
        branch1 = self.unit(x, direct, 1, name="1x1")
        branch2 = self.unit(self.unit(x, reduce3, 1, name="3x3_reduce"), conv3, 3, name="3x3")
        branch3 = self.unit(self.unit(x, reduce5, 1, name="5x5_reduce"), conv5, self.large_kernel, name="5x5")
        branch4 = self.unit(MaxPool(3, 1, padding=1, name="pool")(x), projection, 1, name="pool_proj")
        return Concatenate(name="output")(branch1, branch2, branch3, branch4)


class AuxiliaryHead(CheckedModule):
    """A classifier on inner maps (§5): average pooling, 128 1×1 filters, 1024 units, dropout, logits."""

    num_classes: Count
    unit: Callable[..., jax.Array]
    dense: Callable[..., Dense]
    bias_init: Initializer
    dropout_rate: DropoutRate
    adaptive_pool: bool

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        pool = AdaptiveAveragePool(4, name="avgpool") if self.adaptive_pool else AveragePool(5, 3, name="avgpool")
        x = pool(x)  # 14×14 → 4×4; windows of 5×5 need images of at least 79 pixels
        x = self.unit(x, 128, 1, name="conv")
        x = relu(self.dense(1024, bias_init=self.bias_init, name="fc")(x))
        x = Dropout(self.dropout_rate, name="dropout")(x, train=train)
        return self.dense(self.num_classes, name="classifier")(x).astype(jnp.float32)


class GoogLeNet(CheckedModule):
    """The network of Table 1, with the two auxiliary heads of §5.

    Input: float32 [batch, 224, 224, 3], mean-subtracted. Output at test time: logits, float32
    [batch, num_classes]. Output in training: (logits, (logits of aux1, logits of aux2)); the loss is that of
    the first plus 0.3 times those of the heads. The heads run in training alone, and in `init`, which makes
    their parameters (with paths that begin with "aux") whatever `train` is.
    Deviation: the first layer is a full 7×7 convolution. Table 1 counts 2.7K parameters, which fits only a
    separable one that the text doesn't describe.
    """

    num_classes: Count = 1000
    use_lrn: bool = True  # figure 3
    lrn_k: Positive = 2.0  # AlexNet's, as the paper gives none; Caffe: 1
    lrn_alpha: NonNegative = 1e-4  # likewise; Caffe: divided by n = 5
    batch_norm: bool = False
    large_kernel: OddCount = 5  # of the branch called 5x5
    pool4_size: Count = 3
    dropout_rate: DropoutRate = 0.4  # Table 1
    aux_dropout_rate: DropoutRate = 0.7  # §5
    adaptive_aux_pool: bool = False
    kernel_init: Initializer = CAFFE_XAVIER
    bias_value: float = 0.2  # of all layers but the three classifiers (Caffe)
    dtype: Any = jnp.float32

    @classmethod
    def as_in_torchvision(cls, **fields: Any) -> "GoogLeNet":
        """torchvision's network.

        Batch normalisation (ε = 1e-3) replaces the biases and the response normalisation. The filters called 5×5 are
        3×3, a mistake of theirs; pool4 has 2×2 windows; the heads begin with a 4×4 grid of averages.
        Deviation: the linear layers' biases begin at 0; torchvision leaves torch's values.

        Args:
          **fields: other fields of the network.
        """
        net = cls(use_lrn=False, batch_norm=True, large_kernel=3, pool4_size=2, dropout_rate=0.2)
        net = net.clone(adaptive_aux_pool=True, kernel_init=TruncatedNormal(0.01), bias_value=0.0)
        return net.clone(**fields)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Logits | tuple[Logits, tuple[Logits, Logits]]:
        weights: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        biases = Constant(self.bias_value)
        unit = partial(convolve_and_rectify, train=train, bias_init=biases, **weights)
        unit = partial(unit, batch_norm=self.batch_norm)
        dense = partial(Dense, **weights)
        inception = partial(Inception, unit=unit, large_kernel=self.large_kernel)
        norm = partial(LocalResponseNorm, k=self.lrn_k, alpha=self.lrn_alpha) if self.use_lrn else no_norm
        auxiliary = partial(
            AuxiliaryHead,
            self.num_classes,
            unit=unit,
            dense=dense,
            bias_init=biases,
            dropout_rate=self.aux_dropout_rate,
            adaptive_pool=self.adaptive_aux_pool,
        )
        heads = train or self.is_initializing()

        x = unit(images, 64, 7, strides=2, name="conv1")  # 112×112×64
        x = MaxPool(3, 2, ceil=True, name="pool1")(x)  # 56×56×64
        x = norm(name="norm1")(x)
        x = unit(x, 64, 1, name="conv2_reduce")
        x = unit(x, 192, 3, name="conv2")  # 56×56×192
        x = norm(name="norm2")(x)
        x = MaxPool(3, 2, ceil=True, name="pool2")(x)  # 28×28×192
        x = inception((64, 96, 128, 16, 32, 32), name="3a")(x)  # 28×28×256
        x = inception((128, 128, 192, 32, 96, 64), name="3b")(x)  # 28×28×480
        x = MaxPool(3, 2, ceil=True, name="pool3")(x)  # 14×14×480
        x = inception((192, 96, 208, 16, 48, 64), name="4a")(x)  # 14×14×512
        aux1 = auxiliary(name="aux1")(x, train=train) if heads else None
        x = inception((160, 112, 224, 24, 64, 64), name="4b")(x)  # 14×14×512
        x = inception((128, 128, 256, 24, 64, 64), name="4c")(x)  # 14×14×512
        x = inception((112, 144, 288, 32, 64, 64), name="4d")(x)  # 14×14×528
        aux2 = auxiliary(name="aux2")(x, train=train) if heads else None
        x = inception((256, 160, 320, 32, 128, 128), name="4e")(x)  # 14×14×832
        x = MaxPool(self.pool4_size, 2, ceil=True, name="pool4")(x)  # 7×7×832
        x = inception((256, 160, 320, 32, 128, 128), name="5a")(x)  # 7×7×832
        x = inception((384, 192, 384, 48, 128, 128), name="5b")(x)  # 7×7×1024
        x = GlobalAveragePool(name="avgpool")(x)
        x = Dropout(self.dropout_rate, name="dropout")(x, train=train)
        logits = dense(self.num_classes, name="fc")(x).astype(jnp.float32)
        return (logits, (aux1, aux2)) if train and aux1 is not None and aux2 is not None else logits


def no_norm(*, name: str) -> Callable[[jax.Array], jax.Array]:
    """The identity, in place of a normalisation layer of this name."""
    del name
    return lambda images: images
