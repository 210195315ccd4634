"""`--mesh`: AlexNet's towers on devices of their own, against one device; and what may be asked for."""

import re
from functools import partial

import jax
import numpy as np
import pytest

import jaxcnn
from jaxcnn.config.overrides import override, set_path
from jaxcnn.data import embedded
from jaxcnn.errors import UsageError
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.parallel.mesh import parse_mesh, tower_axes
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import make_train_step

BATCH, STEPS, CLASSES = 8, 2, 5
SIZES = {"one": (1, 1), "towers": (1, 2), "both": (4, 2)}


def small_alexnet():
    """Paper's towers, norms, pools and dropout; narrow. An odd number of classes, and weights whose gradients show."""
    settings = ("inputs.size=67", "inputs.stored_size=72", "model.features=(8,16,24,24,16)", "model.hidden_units=32")
    experiment = override(jaxcnn.load("alexnet_2012"), *settings, f"model.num_classes={CLASSES}", "inputs.scale=0.02")
    return set_path(experiment, "model.kernel_init", HE_FAN_IN)


class Trained:
    """A few steps on data × model devices."""

    def __init__(self, data: int, model: int, experiment=None, batch_size: int = BATCH) -> None:
        experiment = experiment or small_alexnet()
        self.devices = Devices(
            devices=jax.devices()[: data * model], model=model, tower_axes=tower_axes(experiment, model)
        )
        optimizer = experiment.optimizer.transformation()
        statistics = train_state.zero_statistics(experiment.inputs)
        self.create = partial(train_state.create_for, experiment, optimizer, seed=3, statistics=statistics)
        self.shapes = jax.eval_shape(self.create)
        self.placement = self.devices.placement(self.shapes)
        created = compile_step(jax.jit(self.create, out_shardings=self.placement).lower(), "cpu")()
        self.first = jax.device_get(created)
        random = np.random.default_rng(0)
        size = experiment.inputs.training_size
        batch = self.devices.shard_batch(
            {
                "image": random.integers(0, 256, (batch_size, size, size, 3), dtype=np.uint8),
                "label": random.integers(0, CLASSES, batch_size, dtype=np.int32),
            }
        )
        schedule = experiment.schedule.build(steps_per_epoch=10, total_steps=10)
        step = make_train_step(experiment, optimizer=optimizer, schedule=schedule, axis_name=None)
        compiled = self.devices.compile(step, created, batch)
        self.program = compiled.as_text() or ""
        for _ in range(STEPS):
            created, _ = compiled(created, batch)
        self.state = created


@pytest.fixture(scope="module")
def trained():
    return {name: Trained(*sizes) for name, sizes in SIZES.items()}


def assert_close(ours, theirs, tolerance: float) -> None:
    for (path, one), other in zip(jax.tree.leaves_with_path(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance, err_msg=jax.tree_util.keystr(path))


@pytest.mark.parametrize("name", ["towers", "both"])
def test_towers_on_two_devices_equal_one_device(trained, name):
    """Parameters and momentum after two steps, augmentation and dropout and all."""
    ours, theirs = (jax.device_get(trained[which].state) for which in (name, "one"))
    assert_close((ours.params, ours.opt_state, ours.sums), (theirs.params, theirs.opt_state, theirs.sums), 1e-5)
    moved = jax.tree.map(lambda now, then: np.abs(now - then).max(), theirs.params, trained["one"].first.params)
    assert min(jax.tree.leaves(moved)) > 1e-4, "every layer has learnt, so that a lost gradient would show"


@pytest.mark.parametrize("name", ["towers", "both"])
def test_each_device_holds_its_half(trained, name):
    """Parameters and momentum of seven layers by maps and units; fc8's weights by the units that they come from."""
    state = trained[name].state
    momentum = [part for part in jax.tree.leaves(state.opt_state, is_leaf=is_params) if is_params(part)]
    assert len(momentum) == 1
    for tree in (state.params, *momentum):
        for layer, parameters in tree.items():
            for parameter, array in parameters.items():
                here = array.addressable_shards[0].data.shape
                expected = list(array.shape)
                if (layer, parameter) != ("fc8", "bias"):
                    expected[0 if layer == "fc8" else -1] //= 2
                assert here == tuple(expected), (layer, parameter)


def is_params(tree) -> bool:
    return isinstance(tree, dict) and "conv1" in tree


def collectives(program: str, data: int, model: int) -> list[tuple[str, str, str]]:
    """(kind, axis of the mesh, operation of the network) of every collective in a compiled program."""
    found = []
    for line in program.splitlines():
        kind = re.search(r" (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(", line)
        if kind:
            operation = re.search(r'op_name="([^"]*)"', line)
            found.append((kind[1], axis_of(line, data, model), operation[1] if operation else ""))
    return found


def axis_of(line: str, data: int, model: int) -> str:
    """Over which axis of the mesh a collective's groups of devices run."""
    explicit = re.search(r"replica_groups=\{(\{[\d,{}]*\})\}", line)
    by_mesh = re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line)
    iota = re.search(r"replica_groups=\[(\d+),(\d+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", line)
    if explicit:
        groups = [[int(device) for device in group.split(",")] for group in re.findall(r"\{([\d,]+)\}", explicit[1])]
    elif by_mesh:
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", by_mesh[1]))
        chosen = [list(sizes).index(axis) for axis in re.findall(r"'(\w+)'", by_mesh[2])]
        places = np.arange(data * model).reshape([int(size) for size in sizes.values()])
        size = np.prod([places.shape[axis] for axis in chosen])
        groups = np.moveaxis(places, chosen, range(-len(chosen), 0)).reshape(-1, size)
    else:
        assert iota, line
        places = np.arange(data * model).reshape([int(size) for size in iota[3].split(",")])
        order = [int(axis) for axis in iota[4].split(",")] if iota[4] else range(places.ndim)
        groups = places.transpose(order).reshape(int(iota[1]), int(iota[2]))
    places = np.arange(data * model).reshape(data, model)
    groups = {frozenset(map(int, group)) for group in groups}
    for axis, along in (("model", places), ("data", places.T)):
        if groups == {frozenset(map(int, group)) for group in along}:
            return axis
    return str(sorted(map(sorted, groups)))


@pytest.mark.parametrize("name", ["towers", "both"])
def test_towers_talk_where_the_papers_gpus_do(trained, name):
    """§3.2: conv3 takes the maps of both towers, and so does each fully connected layer.

    Forward, the maps before conv3, fc6 and fc7 are gathered, and fc8's two sums are added up; backward, the gradients
    of what was gathered are added up. Over the data axis nothing goes but the sums of gradients and metrics.
    """
    data, model = SIZES[name]
    found = collectives(trained[name].program, data, model)
    between = [(kind, operation) for kind, axis, operation in found if axis == "model"]
    gathered = [operation for kind, operation in between if kind == "all-gather"]
    assert len(gathered) == 3 and not any("transpose" in operation for operation in gathered), found
    summed = [operation for kind, operation in between if kind != "all-gather"]
    layers = sorted(("transpose(" in operation, *re.findall(r"\b(conv\d|fc\d)/", operation)) for operation in summed)
    assert layers == [(False, "fc8"), *((True, layer) for layer in ("conv3", "fc6", "fc7"))], found
    others = {(kind, axis) for kind, axis, _ in found if axis != "model"}
    assert others == ({("all-reduce", "data")} if data > 1 else set()), found


def test_one_device_sends_nothing(trained):
    assert collectives(trained["one"].program, 1, 1) == []


@pytest.mark.parametrize(("saved_by", "restored_on"), [("both", "one"), ("one", "both"), ("towers", "both")])
def test_checkpoints_restore_onto_any_mesh(trained, tmp_path, saved_by, restored_on):
    state, there = trained[saved_by].state, trained[restored_on]
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, STEPS, {"seconds": 1.0})
    checkpoints.wait()
    restored, _ = checkpoints.restore(there.shapes, there.placement)
    checkpoints.close()
    assert jax.tree.map(lambda leaf: leaf.sharding, restored) == there.placement
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(restored), jax.device_get(state))


@pytest.mark.slow
def test_a_run_on_a_mesh_goes_on_and_is_evaluated_without(tmp_path, monkeypatch):
    """From the command's own way in: two steps on data=4,model=2, two more on eight devices that share the batch."""
    for split in ("train", "test"):
        monkeypatch.setitem(embedded.PHOTO_COUNTS, split, 16)
    settings = (f"batch_size={BATCH}", "evaluation_batch_size=16", "protocols=('center',)", "inputs.mean=picture")
    experiment = override(small_alexnet(), "model.num_classes=10", *settings)
    options = {"data": "photos", "workdir": tmp_path}
    first = jaxcnn.fit(experiment, mesh="data=4,model=2", steps=2, **options)
    again = jaxcnn.evaluate(tmp_path, experiment=experiment)
    for name in ("top1_error", "top5_error", "count"):
        assert again["protocols"]["center"][name] == first["evaluation"]["center"][name]
    assert again["protocols"]["center"]["loss"] == pytest.approx(first["evaluation"]["center"]["loss"], rel=1e-5)
    last = jaxcnn.fit(experiment, steps=4, **options)
    assert last["steps"] == 4 and last["params_sha256"] != first["params_sha256"]


@pytest.mark.slow
def test_the_papers_network_equals_one_device():
    """All of its 61 million parameters, 227 pixels, 4 images."""
    experiment = set_path(jaxcnn.load("alexnet_2012"), "model.kernel_init", HE_FAN_IN)
    experiment = override(experiment, "inputs.scale=0.015625")
    two, one = (jax.device_get(Trained(1, model, experiment, 4).state.params) for model in (2, 1))
    assert_close(two, one, 1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {"data": 8, "model": 1}),
        ("data=8", {"data": 8, "model": 1}),
        ("data=4,model=2", {"data": 4, "model": 2}),
        ("model=8", {"data": 1, "model": 8}),
    ],
)
def test_meshes(text, expected):
    assert parse_mesh(text, 8) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data=4,tower=2", r"--mesh=data=4,tower=2: there is no axis 'tower'; allowed: data, model"),
        ("data=4,data=2", "data occurs twice"),
        ("data=four", r"data \(=four\) must be a positive whole number"),
        ("data=0", r"data \(=0\) must be"),
        ("", "there is no axis ''"),
        ("data=4,model=1", r"lays out 4 devices, there are 8; use --mesh=data=8,model=1\."),
        ("data=4,model=3", r"lays out 12 devices, there are 8; use --mesh=data=8\."),
    ],
)
def test_what_no_mesh_is(text, message):
    with pytest.raises(UsageError, match=message):
        parse_mesh(text, 8)


def test_pmap_has_no_towers():
    assert parse_mesh("data=8", 8, parallel="pmap") == {"data": 8, "model": 1}
    with pytest.raises(UsageError, match="--parallel=pmap divides batches only; use --parallel=jit with model=2"):
        parse_mesh("data=4,model=2", 8, parallel="pmap")


@pytest.mark.parametrize(
    ("title", "settings", "devices", "message"),
    [
        ("resnet_cifar_2015:20", (), 2, r"resnet_cifar_2015:20 has no towers; .*--exp=alexnet_2012 with model=2"),
        ("alexnet_2012:one_tower", (), 2, "alexnet_2012:one_tower has no towers"),
        ("alexnet_2012:ungrouped", (), 2, "towers=1; there must be as many devices"),
        ("alexnet_2012", (), 4, "towers=2; there must be as many devices"),
        ("alexnet_2012:caffenet", (), 2, "norm_across_towers=True makes the towers talk"),
        ("alexnet_2012", ("model.hidden_units=31",), 2, r"hidden_units \(=31\) must be divisible by 2"),
    ],
)
def test_networks_that_can_not_be_divided(title, settings, devices, message):
    experiment = override(jaxcnn.load(title), *settings)
    assert tower_axes(experiment, 1) == {}
    with pytest.raises(UsageError, match=message):
        tower_axes(experiment, devices)
