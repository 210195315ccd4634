"""What the tests of the models share: rows of the layer table, and the comparison with torch."""

import contextlib
import math
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.torch_layers import TorchLayers
from jaxcnn.models.kernels import relu
from jaxcnn.models.layers.core import Layer

# The default CPU fusion of jaxlib 0.10.2 gives wrong numbers for some matrix products. Level 0 compiles in
# less than half the time.
COMPILER_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "", "xla_backend_optimization_level": "0"}


class Row(NamedTuple):
    kind: str
    output: tuple[int, ...]
    params: int
    macs: int


def rows_of(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Row]:
    """The layers of a model by name, auxiliary heads included, traced with a batch of one and never run."""
    rows: dict[str, Row] = {}

    def record(call, args, kwargs, context):
        outputs = call(*args, **kwargs)
        layer = context.module
        if isinstance(layer, Layer) and context.method_name == "__call__":
            name = ".".join(layer.path)
            rows[name] = Row(layer.kind, outputs.shape[1:], 0, layer.macs(args[0].shape, outputs.shape))
        return outputs

    with nn.intercept_methods(record):
        images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
        variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)
    for path, leaf in jax.tree.leaves_with_path(variables["params"]):
        name = ".".join(key.key for key in path[:-1])
        rows[name] = rows[name]._replace(params=rows[name].params + math.prod(leaf.shape))
    return rows


@pytest.fixture(scope="session")
def layer_rows():
    return rows_of


def compiled(function, *arguments):
    """`function` compiled for arguments of these shapes."""
    lowered = jax.jit(function).lower(*arguments)
    try:
        return lowered.compile(compiler_options=COMPILER_OPTIONS)
    except jax.errors.JaxRuntimeError:  # a jaxlib that does not know the option
        return lowered.compile()


@pytest.fixture(scope="session")
def compile_quickly():
    return compiled


def by_name(tree) -> dict[tuple[str, ...], Any]:
    """Leaves by (collection, layer, leaf name), as in `TorchLayers.values`."""
    keys = [([key.key for key in path], leaf) for path, leaf in jax.tree.leaves_with_path(tree)]
    return {(path[0], ".".join(path[1:-1]), path[-1]): leaf for path, leaf in keys}


def assert_agree(ours, theirs, what, floor=0.0):
    """The largest difference is below 1e-4 of the largest value (or of `floor`, where values should be 0)."""
    difference = np.abs(np.asarray(ours, np.float64) - theirs).max()
    assert difference <= 1e-4 * max(np.abs(theirs).max(), floor), f"{what}: {difference}"


class Answers(NamedTuple):
    """What a network makes of a batch: at test time, in training, and the gradient of the training loss."""

    test_logits: Any
    train_logits: Any
    aux_logits: tuple
    loss: Any
    gradients_and_stats: dict[tuple[str, ...], Any]


def answers_of_torch(layers: TorchLayers, forward, images, labels, aux_weight) -> tuple[dict, Answers]:
    """The layers' values before the training step, and the answers."""
    torch = layers.torch
    inputs, targets = torch.from_numpy(images.transpose(0, 3, 1, 2)).double(), torch.from_numpy(labels).long()
    entropy = torch.nn.functional.cross_entropy
    with torch.no_grad():
        layers.train = True
        forward(layers, inputs)  # makes every layer
        layers.train = False
        before = layers.values(gradients=False)
        test_logits = forward(layers, inputs).numpy()
    layers.train = True
    outputs = forward(layers, inputs)
    logits, aux = outputs if isinstance(outputs, tuple) else (outputs, ())
    loss = entropy(logits, targets) + aux_weight * sum(entropy(head, targets) for head in aux)
    loss.backward()
    aux = tuple(head.detach().numpy() for head in aux)
    train_logits, gradients = logits.detach().numpy(), layers.values(gradients=True)
    return before, Answers(test_logits, train_logits, aux, loss.item(), gradients)


def answers_of(model: nn.Module, variables, images, labels, aux_weight, smooth) -> Answers:
    """The same of ours; the last field is a tree."""

    def cross_entropy(logits):
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    def loss_of(params):
        collections = {**variables, "params": params}
        outputs, updated = model.apply(collections, images, train=True, mutable=["batch_stats"])
        logits, aux = outputs if isinstance(outputs, tuple) else (outputs, ())
        loss = cross_entropy(logits) + aux_weight * sum(cross_entropy(head) for head in aux)
        return loss, (logits, aux, updated)

    differentiated = jax.value_and_grad(loss_of, has_aux=True)
    with mock.patch.object(relu, "_relu_by_hand", nn.elu) if smooth else contextlib.nullcontext():
        (loss, (logits, aux, updated)), gradients = differentiated(variables["params"])
    test_logits = model.apply(variables, images, train=False)
    return Answers(test_logits, logits, aux, loss, {"params": gradients, **updated})


def assert_answers_agree(ours: Answers, theirs: Answers) -> None:
    assert ours.test_logits.dtype == ours.train_logits.dtype == jnp.float32
    assert_agree(ours.test_logits, theirs.test_logits, "logits at test time")
    assert_agree(ours.train_logits, theirs.train_logits, "logits in training")
    for number, (head, expected) in enumerate(zip(ours.aux_logits, theirs.aux_logits, strict=True), start=1):
        assert_agree(head, expected, f"logits of head {number}")
    assert_agree(ours.loss, theirs.loss, "loss")
    expected = theirs.gradients_and_stats
    largest = max(np.abs(values).max() for name, values in expected.items() if name[0] == "params")
    assert largest > 1e-4
    for name, values in by_name(ours.gradients_and_stats).items():
        # A bias before batch norm has no effect: its gradient is 0 but for rounding.
        assert_agree(values, expected[name], name, floor=largest * 1e-2)


def variables_from(model: nn.Module, images, values: dict[tuple[str, ...], np.ndarray]):
    """Our variables with torch's values; each must have its counterpart."""
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)
    assert set(by_name(shapes)) == set(values), set(by_name(shapes)) ^ set(values)
    leaves = [jnp.asarray(values[name], jnp.float32) for name in by_name(shapes)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def compare(
    model: nn.Module, forward, input_shape: tuple[int, ...], aux_weight: float = 0.0, smooth: bool = False
) -> None:
    """Logits (training and not), the gradient of every parameter and the batch statistics equal torch's.

    `forward(layers, images)` is the torch network, on images in NCHW; it may return (logits, (aux1, aux2)) in
    training. Dropout has to be off in both. Of some millions of activations, one may lie so near 0, or two in
    a pooling window so near each other, that rounding decides; then gradients differ for good reason, and the
    comparison is made again with other weights. A network that is not the same one fails with all.
    Deep nets with batch norm always have such an activation: `smooth` puts ELU, whose slope is continuous,
    for ReLU in training (in both), and leaves the logits at test time to show where the ReLUs are.
    """
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    labels = np.array([1, 2], np.int32)
    function = None
    for seed in range(3):
        torch.manual_seed(seed)
        images = np.random.default_rng(seed).normal(size=(2, *input_shape)).astype(np.float32)
        layers = TorchLayers(torch)
        layers.smooth = smooth
        before, theirs = answers_of_torch(layers, forward, images, labels, aux_weight)
        arguments = variables_from(model, images, before), jnp.asarray(images), jnp.asarray(labels)
        if function is None:
            function = compiled(lambda *them: answers_of(model, *them, aux_weight, smooth), *arguments)
        try:
            return assert_answers_agree(function(*arguments), theirs)
        except AssertionError:
            if seed == 2:
                raise


def compare_at_test_time(model: nn.Module, forward, input_shape: tuple[int, ...]) -> None:
    """Logits at test time equal torch's. Quick: nothing is differentiated."""
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    torch.manual_seed(0)
    images = np.random.default_rng(0).normal(size=(2, *input_shape)).astype(np.float32)
    layers = TorchLayers(torch)
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2)).double()
    with torch.no_grad():
        layers.train = True
        forward(layers, inputs)
        layers.train = False
        expected = forward(layers, inputs).numpy()
    variables = variables_from(model, images, layers.values(gradients=False))
    apply = compiled(lambda v, x: model.apply(v, x, train=False), variables, images)
    assert_agree(apply(variables, images), expected, "logits at test time")


@pytest.fixture(scope="session")
def compare_logits_with_torch():
    return compare_at_test_time


@pytest.fixture(scope="session")
def compare_with_torch():
    return compare
