"""The benchmark runs, everybody does the same work, and mistakes are said; how fast anything is, is no test."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch", reason="the benchmark compares with torch, which isn't installed")

import torch

from benchmarks import train_step, worker
from benchmarks.flax_layers import FlaxLayers, PlainNetwork
from benchmarks.torch_layers import TorchLayers
from benchmarks.workload import draw, normalised
from benchmarks.workloads import NETWORKS, experiment_of, make_workload
from jaxcnn.models.layers.pooling import MaxPool

QUICK = "ours,torch NCHW,torch channels-last,plain Flax"


@pytest.fixture
def lenient():
    """Linen's own pooling divides float32 by int32, which our tests forbid elsewhere."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def by_name(tree):
    """(collection, layer, leaf) → shape."""
    paths = [([key.key for key in path], leaf) for path, leaf in jax.tree.leaves_with_path(tree)]
    return {(path[0], ".".join(path[1:-1]), path[-1]): leaf.shape for path, leaf in paths}


@pytest.mark.parametrize("name", NETWORKS)
def test_all_have_the_same_layers(lenient, name):
    task = make_workload(name)
    model, plain = experiment_of(task).model, PlainNetwork(task.network)
    images = jax.ShapeDtypeStruct((1, task.size, task.size, task.channels), jnp.float32)
    key = jax.random.key(0)
    ours = by_name(jax.eval_shape(lambda x: model.init(key, x, train=False), images))
    assert by_name(jax.eval_shape(lambda x: plain.init(key, x, train=True), images)) == ours
    layers = TorchLayers(torch, train=True)
    with torch.device("meta"):
        task.network(layers, torch.zeros(2, task.channels, task.size, task.size, dtype=torch.float64))
    shapes = {
        key: value.shape
        for layer, made in layers.made.items()
        for key, value in [(f"{layer}/{leaf}", value) for leaf, value in made.state_dict().items()]
        if not key.endswith("num_batches_tracked")
    }
    assert sorted(map(np.prod, shapes.values())) == sorted(map(np.prod, ours.values()))
    assert {key.split("/")[0] for key in shapes} == {layer for _, layer, _ in ours}


def test_a_recipe_is_the_experiments():
    task = make_workload("googlenet", batch_size=3)
    assert (task.momentum, task.weight_decay, task.decay_biases, task.bias_rate) == (0.9, 0.0002, False, 2.0)
    assert (task.aux_weight, task.classes, task.batch_size, task.size) == (0.3, 1000, 3, 224)
    model = experiment_of(task).model
    assert (model.dropout_rate, model.aux_dropout_rate) == (0.0, 0.0)
    model = experiment_of(dataclasses.replace(task, drop=True)).model
    assert (model.dropout_rate, model.aux_dropout_rate) == (0.4, 0.7)


def test_weights_and_batches_are_the_same_each_time_and_differ_by_name():
    first, again, other = (draw(("params", layer, "kernel"), (3, 3, 4, 200)) for layer in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert first.std() == pytest.approx(np.sqrt(2 / 36), rel=0.05)
    batches = make_workload("lenet5").batches("train")
    assert len({batch["image"].tobytes() for batch in batches}) == len(batches)
    pictures = normalised(batches[0]["image"])
    assert abs(pictures.mean()) < 0.02 and pictures.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("pixels", [6, 7, 8, 9])
def test_plain_pools_round_up_like_ours(pixels):
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, pixels, pixels, 1)), jnp.float32)
    plain = FlaxLayers(train=False, drop=False).max_pool(images, 3, 2, ceil=True)
    np.testing.assert_array_equal(plain, MaxPool(3, 2, ceil=True).apply({}, images))


@pytest.mark.parametrize(("drop", "train"), [(True, True), (True, False), (False, True)])
def test_dropout_in_training_where_it_is_asked_for(drop, train):
    def network(layers, x):
        return layers.dropout(x, 0.5)

    layers = TorchLayers(torch, train=train)
    layers.drop = drop
    theirs = network(layers, torch.ones(1000)).numpy()
    keys = {"dropout": jax.random.key(0)}
    plain = PlainNetwork(network, drop).apply({}, jnp.ones(1000), train=train, rngs=keys)
    for values in (theirs, np.asarray(plain)):
        assert set(np.unique(values)) == ({0.0, 2.0} if drop and train else {1.0})


def test_all_figures(capsys):
    command = ["--networks=lenet5", "--jobs=train", "--smoke", "--no-costs", f"--contenders={QUICK}", "--json"]
    assert train_step.main(command) == 0
    found = json.loads(capsys.readouterr().out)
    (measured,) = found["measured"]
    names = set(QUICK.split(","))
    for key in ("results", "losses", "compile_seconds"):
        assert measured[key].keys() == names
    assert max(measured["largest_difference"].values()) < train_step.TOLERANCE
    first, last = measured["losses"]["ours"]
    assert abs(first - last) > 0.01  # something has been learnt that the others could have got wrong
    assert measured["against_torch"]["against"].startswith("torch") and measured["against_torch"]["median"] > 0
    assert measured["against_plain_flax"]["against"] == "plain Flax"
    assert not measured["failed"] and not found["losses_differ"]


@pytest.mark.parametrize("job", ["evaluation", "ten_crop"])
def test_evaluation_of_all_is_equal(lenient, job):
    """In this process; LeNet-5 stands for all."""
    task = make_workload("lenet5", batch_size=3)
    runners = [worker.make(name, task, job, worker.CLOCKS["wall"], 1) for name in QUICK.split(",")]
    losses = [runner.loss(1) for runner in runners]
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-5)
    assert abs(runners[0].loss(2) - losses[0]) > 1e-3


def test_a_contender_alone_says_what_it_costs():
    asked = {"task": dataclasses.asdict(make_workload("lenet5", batch_size=2)), "job": "train", "threads": 1}
    asked |= {"contenders": ["torch NCHW"], "repeats": 1, "steps": 1, "check_steps": 0, "clock": "wall"}
    found = worker.measure(asked, began=worker.CLOCKS["wall"]())
    assert 0 < found["first_step_seconds"] < 60
    assert found["peak_bytes"] > 1e8
    assert found["losses"] is None


@pytest.fixture
def answered(monkeypatch):
    """A process of contenders that answers at once; its answer may be changed."""
    answer = {
        "seconds": {"ours": [1.0], "torch NCHW": [2.0]},
        "results": {name: {"images_per_second": 1.0, "images_per_second_best": 2.0} for name in ("ours", "torch NCHW")},
        "steps": 1,
        "losses": {"ours": [2.0, 1.0], "torch NCHW": [2.0, 1.0005]},
        "compile_seconds": {"ours": 3.0},
        "failed": {"torch.compile": "no compiler"},
        "peak_bytes": 123e6,
        "first_step_seconds": 4.0,
    }
    monkeypatch.setattr(train_step, "start", lambda asked: answer)
    return answer


def test_the_table(answered, capsys):
    assert train_step.main(["--networks=nin", "--jobs=train"]) == 0
    shown = capsys.readouterr().out
    assert "2.00 (2.00–2.00)" in shown and "5e-04" in shown and "123" in shown
    assert "nin, train: torch.compile failed: no compiler" in shown


@pytest.mark.parametrize("loss", [1.01, float("nan")])
def test_other_losses_are_a_failure(answered, capsys, loss):
    answered["losses"]["torch NCHW"] = [2.0, loss]
    assert train_step.main(["--networks=nin", "--jobs=train"]) == 1
    assert "Losses differ: nin, train: torch NCHW by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--networks=alexnett"], "--networks: there is no 'alexnett'; did you mean 'alexnet'?"),
        (["--jobs=training"], "--jobs: there is no 'training'"),
        (["--contenders=ours,theirs"], "--contenders: there is no 'theirs'"),
        (["--networks=nin", "--jobs=ten_crop"], "--jobs=ten_crop is measured for --networks=alexnet alone"),
        (["--repeat=3"], "Did you mean --repeats?"),
        (["--threads=100000"], "--threads (=100000) must be at most"),
    ],
)
def test_wrong_commands_say_so_in_one_line(capsys, arguments, message):
    assert train_step.main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_without_torch(monkeypatch, capsys):
    monkeypatch.setattr(train_step.importlib.util, "find_spec", lambda name: None)
    assert train_step.main(["--networks=nin"]) == 2
    assert "torch isn't installed: pip install 'jaxcnn[bench]'" in capsys.readouterr().err


def test_processor_time_is_of_one_thread(monkeypatch, capsys):
    monkeypatch.setattr(train_step, "limit_threads", lambda asked: 2)
    assert train_step.main(["--clock=processor"]) == 2
    assert "--threads=1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_everybodys_losses_after_twenty_steps(name, capsys):
    command = [f"--networks={name}", "--smoke", "--no-costs", f"--contenders={QUICK}", "--json"]
    assert train_step.main([*command, "--batch-size=4"]) == 0, capsys.readouterr()
