"""A user's own Flax modules: what is trained as it is, and what is refused in a line."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import pytest
from evaluation_answers import errors_of
from linear_network import LINEAR

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.training.network import check_outputs, count_outputs, has_batch_norm, in_precision, initialised


def flat(images: Any) -> Any:
    return images.reshape(len(images), -1)


class Plain(nn.Module):
    """As one writes it: no dtype."""

    num_classes: int = 10

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return nn.Dense(self.num_classes)(flat(images))


class Fixed(nn.Module):
    """No fields at all, and `train` by place."""

    @nn.compact
    def __call__(self, images, train=False):
        return nn.Dense(12)(nn.BatchNorm(use_running_average=not train)(flat(images)))


class Halved(Plain):
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        return nn.Dense(self.num_classes, dtype=self.dtype)(flat(images)).astype(jnp.float32)


class Deterministic(nn.Module):
    @nn.compact
    def __call__(self, images, deterministic: bool):
        return nn.Dense(10)(flat(images))


class Alone(nn.Module):
    @nn.compact
    def __call__(self, images):
        return nn.Dense(10)(flat(images))


class Map(Plain):
    @nn.compact
    def __call__(self, images, *, train: bool):
        return nn.Dense(self.num_classes)(images)


class Pair(Plain):
    @nn.compact
    def __call__(self, images, *, train: bool):
        logits = nn.Dense(self.num_classes)(flat(images))
        return logits, logits


class Deaf(Plain):
    """Takes `num_classes`, and doesn't use it."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        return nn.Dense(7)(flat(images))


class Counting(Plain):
    @nn.compact
    def __call__(self, images, *, train: bool):
        self.variable("counters", "steps", jnp.zeros, (), jnp.int32)
        return nn.Dense(self.num_classes)(flat(images))


class Empty(Plain):
    @nn.compact
    def __call__(self, images, *, train: bool):
        return flat(images)[:, : self.num_classes]


def experiment(model: nn.Module, **fields: Any) -> Experiment:
    return dataclasses.replace(LINEAR, model=model, steps=4, evaluation_batch_size=360, name="own", **fields)


def test_a_module_without_dtype_is_trained_and_evaluated(tmp_path):
    mine = experiment(Plain())
    summary = fit(mine, workdir=tmp_path / "run")
    assert summary["steps"] == 4
    assert errors_of(evaluate(tmp_path / "run", experiment=mine)) == summary["evaluation"]


def test_the_precision_needs_a_field_to_go_to():
    assert in_precision(experiment(Halved(), precision="bfloat16")).dtype == jnp.bfloat16
    assert in_precision(experiment(Plain())) == Plain()
    with pytest.raises(UsageError, match=r"precision \(=bfloat16\): the network Plain has no field dtype .*float32"):
        fit(experiment(Plain(), precision="bfloat16"))


def test_outputs_are_counted_where_no_field_says_them():
    assert (count_outputs(experiment(Fixed())), count_outputs(experiment(Plain(num_classes=11)))) == (12, 11)
    check_outputs(experiment(Fixed()), 10, "digits")
    with pytest.raises(
        UsageError, match=r"the network Fixed has 12 outputs; cifar100 has 100 classes and needs as many"
    ):
        check_outputs(experiment(Fixed()), 100, "cifar100")
    assert has_batch_norm(experiment(Fixed())) and not has_batch_norm(experiment(Plain()))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Deterministic(),
            r"Deterministic can't be called as model\(images, train=…\): .*\(self, images, \*, train: bool",
        ),
        (Alone(), r"Alone can't be called as model\(images, train=…\)"),
        (Map(), r"Map must give logits \[batch, classes\] .* it gives shape \(1, 8, 8, 10\)"),
        (Pair(), r"Pair must give logits \[batch, classes\] .* it gives tuple"),
        (Deaf(), r"Deaf must give as many logits as its field num_classes says \(=10\); it gives 7"),
        (Counting(), r"Counting has variables in the collection 'counters'; those of params and batch_stats alone"),
        (Empty(), r"Empty has no parameters: there is nothing to train"),
    ],
)
def test_what_is_no_classifier_is_refused_in_a_line(model, said):
    with pytest.raises(UsageError, match=said) as caught:
        initialised(model, LINEAR.inputs)
    assert "\n" not in str(caught.value)


def test_it_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(UsageError, match="Map must give logits"):
        fit(experiment(Map()), workdir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
