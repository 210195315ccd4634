"""The order in which a network sees the channels, in a test and in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.augmentation.augment import normalise, training_inputs
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import UsageError

COLOURS = {"mean": (1.0, 20.0, 100.0), "scale": (1.0, 0.5, 0.25)}


def both(**fields) -> tuple[Inputs, Inputs]:
    rgb = Inputs(size=8, channels=3, stored_size=10, **fields)
    return rgb, Inputs(size=8, channels=3, stored_size=10, channel_order="BGR", **fields)


def images() -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).integers(0, 256, (2, 10, 10, 3)).astype(np.uint8))


def test_mean_and_scale_stay_in_the_order_red_green_blue():
    _, bgr = both(**COLOURS)
    wanted = ((np.asarray(images()) - np.array(COLOURS["mean"])) * np.array(COLOURS["scale"]))[..., ::-1]
    np.testing.assert_allclose(normalise(images(), bgr, {}), wanted, rtol=1e-6)


@pytest.mark.parametrize("fields", [COLOURS, {"local_contrast": 5}, {"mean": "picture", "pad": 1}])
def test_only_the_order_differs(fields):
    rgb, bgr = both(**fields)
    statistics = {"mean": jnp.full((10, 10, 3), 7.0)} if fields.get("mean") == "picture" else {}
    np.testing.assert_array_equal(
        normalise(images(), bgr, statistics), np.asarray(normalise(images(), rgb, statistics))[..., ::-1]
    )


def test_colour_noise_and_crops_in_training_are_those_of_the_same_colours():
    rgb, bgr = both(**COLOURS, colour_std=0.1, mirror=True)
    keys = jax.random.split(jax.random.key(0), 2)
    found = [np.asarray(training_inputs(images(), keys, inputs, {})) for inputs in (rgb, bgr)]
    np.testing.assert_allclose(found[1], found[0][..., ::-1], rtol=1e-5, atol=1e-4)


def test_one_channel_has_no_order():
    with pytest.raises(UsageError, match=r"channel_order .*'BGR'.* needs 3 channels, there are 1"):
        Inputs(size=8, channels=1, stored_size=8, channel_order="BGR")
