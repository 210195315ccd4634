"""Pictures that share a batch, against each by itself."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.alexnet import OneTowerAlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.layers.core import Conv
from jaxcnn.models.layers.masked_apply import Side, masked_apply
from jaxcnn.models.layers.pooling import GlobalAveragePool, MaxPool
from jaxcnn.models.lenet import LeNet5
from jaxcnn.models.nin import NIN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG

pytestmark = pytest.mark.usefixtures("plain_convolutions")

SMALL_VGG = VGG(blocks=((3,), (3, 1), (3,)), features=(4, 6, 8), hidden_units=8, num_classes=5)
SMALL_RESNET = ResNet(blocks=(1, 1, 2), num_classes=5)


def noisy(variables: Any) -> Any:
    """No bias and no running mean is zero, so that what lies outside of a picture would show."""
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda x: x + jnp.asarray(np.abs(generator.normal(size=x.shape)) * 0.2, x.dtype), variables)


def initialised(model: nn.Module, side: int) -> Any:
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), jnp.zeros((1, side, side, 3)))
    generator = np.random.default_rng(1)

    def draw(shape: jax.ShapeDtypeStruct) -> jax.Array:
        if len(shape.shape) == 1:
            return jnp.zeros(shape.shape)
        scale = (2 / np.prod(shape.shape[:-1])) ** 0.5
        return jnp.asarray(generator.normal(size=shape.shape) * scale, jnp.float32)

    return noisy(jax.tree.map(draw, shapes))


@pytest.mark.parametrize(
    ("model", "side", "canvas", "extents"),
    [
        (SMALL_VGG, 16, (24, 41), [(24, 41), (16, 40), (17, 16), (23, 31)]),
        (SMALL_VGG.clone(batch_norm=True, use_lrn=True), 16, (21, 24), [(21, 24), (19, 17)]),
        (SMALL_RESNET.clone(shortcut="A", bottleneck=False), 32, (40, 71), [(40, 71), (37, 64), (33, 38)]),
        (SMALL_RESNET, 32, (64, 40), [(64, 40), (61, 33)]),
        (CifarResNet(n=1, num_classes=5), 32, (40, 50), [(39, 50), (32, 33), (35, 48)]),
        (NIN(num_classes=5, block1=(8, 8, 8), block2=(8, 8, 8), block3=(8, 8)), 32, (40, 53), [(37, 52), (32, 35)]),
    ],
)
def test_pictures_in_one_batch_are_seen_as_if_alone(compile_quickly, model, side, canvas, extents):
    variables = initialised(model, side)
    form = model.over_whole_images(side) if isinstance(model, VGG) else model
    # Outside of the pictures there is noise, too: it must not matter.
    images = np.random.default_rng(2).normal(size=(len(extents), *canvas, 3)).astype(np.float32)
    sizes = np.array(extents, np.int32)
    together = compile_quickly(lambda *them: masked_apply(form, *them), variables, images, sizes)
    found = np.asarray(together(variables, images, sizes))
    assert found.shape == (len(extents), 5) and found.dtype == np.float32
    for row, (height, width) in enumerate(extents):
        picture = images[row : row + 1, :height, :width]
        alone = compile_quickly(lambda v, x: form.apply(v, x, train=False), variables, picture)(variables, picture)
        scores = alone if alone.ndim == 2 else alone.mean(axis=(1, 2))
        np.testing.assert_allclose(found[row], scores[0], rtol=1e-5, atol=1e-5 * np.abs(found).max())
    assert np.abs(found - found[:1]).max() > 1e-3  # the pictures do differ


def test_branches_of_an_inception_network_are_followed(compile_quickly):
    model = GoogLeNet(num_classes=5)
    variables = initialised(model, 80)
    images = np.random.default_rng(3).normal(size=(2, 64, 96, 3)).astype(np.float32)
    sizes = np.array([(64, 96), (57, 75)], np.int32)
    together = compile_quickly(lambda *them: masked_apply(model, *them), variables, images, sizes)
    found = together(variables, images, sizes)
    picture = images[1:, :57, :75]
    alone = compile_quickly(lambda v, x: model.apply(v, x, train=False), variables, picture)(variables, picture)
    np.testing.assert_allclose(found[1], alone[0], rtol=1e-5, atol=1e-5 * float(np.abs(alone).max()))


def test_a_picture_that_fills_the_training_size_gives_the_plain_answer(compile_quickly):
    """To the bit, of 224 pixels; the net differs from VGG's A only in how many filters it has."""
    model = VGG(blocks=((3,),) * 5, features=(4, 8, 8, 16, 16), hidden_units=32, num_classes=5)
    variables = initialised(model, 224)
    images = np.random.default_rng(4).normal(size=(2, 224, 224, 3)).astype(np.float32)
    sizes = np.full((2, 2), 224, np.int32)

    def both(variables, images, sizes):
        form = model.over_whole_images(224)
        return model.apply(variables, images, train=False), masked_apply(form, variables, images, sizes)

    plain, within = compile_quickly(both, variables, images, sizes)(variables, images, sizes)
    assert np.abs(plain).max() > 0.1
    np.testing.assert_array_equal(plain, within)


@pytest.mark.parametrize(("model", "side"), [(LeNet5(), 32), (OneTowerAlexNet(), 224), (SMALL_VGG, 16)])
def test_a_network_for_one_size_is_refused(model, side):
    channels = 1 if isinstance(model, LeNet5) else 3
    images = jnp.zeros((1, side, side, channels))

    def run(images):
        variables = model.init(jax.random.key(0), images, train=False)
        return masked_apply(model, variables, images, jnp.full((1, 2), side, jnp.int32))

    with pytest.raises(ValueError, match=r"(fc6|F6) takes maps of one size only"):
        jax.eval_shape(run, images)


def test_half_precision(compile_quickly):
    model = CifarResNet(n=1, num_classes=5, dtype=jnp.bfloat16)
    variables, sizes = initialised(model, 32), np.array([(32, 33), (36, 40)], np.int32)
    images = np.random.default_rng(6).normal(size=(2, 36, 40, 3)).astype(np.float32)
    together = compile_quickly(lambda *them: masked_apply(model, *them), variables, images, sizes)
    picture = images[:1, :32, :33]
    alone = compile_quickly(lambda v, x: model.apply(v, x, train=False), variables, picture)(variables, picture)
    found = together(variables, images, sizes)
    np.testing.assert_allclose(found[:1], alone, atol=0.02 * float(np.abs(alone).max()))


class Pooled(nn.Module):
    """A pool with padding, of whatever sign its input has."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return GlobalAveragePool(name="gap")(MaxPool(3, 2, padding=1, name="pool")(images))


def test_outside_is_below_everything_to_a_max_pool():
    images = -np.random.default_rng(5).uniform(1, 2, (1, 9, 12, 2)).astype(np.float32)
    found = masked_apply(Pooled(), {}, jnp.asarray(images), jnp.array([[6, 7]], jnp.int32))
    windows = [(range(max(2 * i - 1, 0), min(2 * i + 2, 6)), range(max(2 * j - 1, 0), min(2 * j + 2, 7)))
               for i in range(3) for j in range(4)]  # fmt: skip
    expected = np.mean([images[0][np.ix_(rows, columns)].max(axis=(0, 1)) for rows, columns in windows], axis=0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


class Ambiguous(nn.Module):
    """Two pools that agree on even sizes alone."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        x = MaxPool(2, 2, name="down")(images) + MaxPool(2, 2, ceil=True, name="up")(images)
        return GlobalAveragePool(name="gap")(x)


class Hidden(nn.Module):
    """A picture that shrinks outside of any layer."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return Conv(2, 3, name="conv")(images[:, 1:-1])


@pytest.mark.parametrize(("model", "message"), [(Ambiguous(), "up makes maps"), (Hidden(), "out of no layer")])
def test_what_can_not_be_followed_is_refused(model, message):
    def run(images):
        variables = model.init(jax.random.key(0), images, train=False)
        return masked_apply(model, variables, images, jnp.full((1, 2), 7, jnp.int32))

    with pytest.raises(ValueError, match=message):
        jax.eval_shape(run, jnp.zeros((1, 8, 8, 3)))


def test_a_side_knows_its_length_at_each_layer():
    side = Side(10, jnp.array([10, 7, 1], jnp.int32))
    side.follow("pool", 10, 5, lambda length: -(-length // 2))
    np.testing.assert_array_equal(side.lengths(5), [5, 4, 1])
    np.testing.assert_array_equal(side.inside(5).sum(axis=1), [5, 4, 1])
    with pytest.raises(ValueError, match="conv makes maps whose size can't be followed"):
        side.follow("conv", 10, 5, lambda length: length // 2)
