"""The Keras network: parameters as Keras's summary has them, layer by layer."""

import jax
import jax.numpy as jnp

from jaxcnn.models.primer import PrimerCNN


def test_parameters_are_those_of_keras():
    images = jax.ShapeDtypeStruct((1, 28, 28, 1), jnp.float32)
    params = jax.eval_shape(lambda x: PrimerCNN().init(jax.random.key(0), x, train=False), images)["params"]
    counted = {name: sum(leaf.size for leaf in layer.values()) for name, layer in params.items()}
    # Keras's summary of the code in lectures and in Géron 2019, ch. 14.
    assert counted == {
        "conv1": 3_200,
        "conv2_1": 73_856,
        "conv2_2": 147_584,
        "conv3_1": 295_168,
        "conv3_2": 590_080,
        "fc1": 295_040,
        "fc2": 8_256,
        "fc3": 650,
    }
    assert sum(counted.values()) == 1_413_834
