"""Saving and restoring: on other devices, after a crash, and without disturbing what trains on."""

import gc
import shutil
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import DataMissingError, JaxcnnError
from jaxcnn.models.layers.core import Dense
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.training import state as train_state


class Linear(nn.Module):
    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return Dense(10, name="fc")(images)


INPUTS = Inputs(size=8, channels=1, stored_size=8, mean="picture")
MEAN = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
create = partial(train_state.create, Linear(), Momentum().transformation(), INPUTS, mean=MEAN)
EIGHT, ONE = Devices(), Devices(devices=jax.devices()[:1])


def at_step(number: int, devices: Devices = EIGHT) -> train_state.TrainState:
    """A state whose every leaf differs from a fresh one's."""
    state = jax.tree.map(lambda leaf: leaf + jnp.asarray(number, leaf.dtype), create(seed=4))
    return devices.replicate(state.replace(step=jnp.asarray(number, jnp.int32)))


@pytest.fixture
def folder(tmp_path):
    opened = []

    def open_again() -> Checkpoints:
        opened.append(Checkpoints(tmp_path))
        return opened[-1]

    yield open_again
    for checkpoints in opened:
        checkpoints.close()


@pytest.mark.parametrize(("saved_by", "restored_on"), [(EIGHT, ONE), (ONE, EIGHT), (EIGHT, EIGHT)])
def test_what_some_devices_saved_others_restore(folder, saved_by, restored_on):
    state, record = at_step(30, saved_by), {"seconds": 1.5, "class_names": ["a", "b"], "experiment": {"x": None}}
    checkpoints = folder()
    checkpoints.save(state, 30, record)
    checkpoints.wait()
    like = jax.eval_shape(partial(create, seed=0))
    restored, found = folder().restore(like, restored_on.replicated)
    assert found == record
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        assert one.dtype == other.dtype and one.sharding.is_fully_replicated
        assert one.sharding.device_set == set(restored_on.devices)
        np.testing.assert_array_equal(one, other)


def test_the_two_newest_are_kept_and_the_newest_is_restored(folder, tmp_path):
    checkpoints = folder()
    for step in (10, 20, 30):
        checkpoints.save(at_step(step), step, {"seconds": float(step)})
    checkpoints.wait()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["20", "30"]
    again = folder()
    assert again.latest_step() == 30 and again.record() == {"seconds": 30.0}
    restored, _ = again.restore(at_step(0), EIGHT.replicated)
    assert int(restored.step) == 30


def test_a_step_that_is_saved_is_left_alone(folder):
    checkpoints = folder()
    checkpoints.save(at_step(10), 10, {"seconds": 1.0})
    checkpoints.save(at_step(11), 10, {"seconds": 2.0})
    checkpoints.wait()
    assert folder().record() == {"seconds": 1.0}


def test_a_checkpoint_that_a_kill_left_unfinished_does_not_count(folder, tmp_path):
    checkpoints = folder()
    for step in (10, 20):
        checkpoints.save(at_step(step), step, {"seconds": float(step)})
    checkpoints.wait()
    # As Orbax names what it is still writing.
    saved = tmp_path / "checkpoints" / "20"
    saved.rename(saved.with_name("20.orbax-checkpoint-tmp"))
    again = folder()
    assert again.latest_step() == 10
    restored, record = again.restore(at_step(0), EIGHT.replicated)
    assert int(restored.step) == 10 and record == {"seconds": 10.0}
    again.save(at_step(20), 20, {"seconds": 21.0})
    again.wait()
    assert folder().record() == {"seconds": 21.0}


def test_nothing_saved(folder, tmp_path):
    checkpoints = folder()
    assert checkpoints.latest_step() is None
    with pytest.raises(DataMissingError, match=r"checkpoints holds no complete checkpoint: train there first"):
        checkpoints.restore(at_step(0), EIGHT.replicated)
    with pytest.raises(DataMissingError, match=str(tmp_path)):
        checkpoints.record()


def test_a_donated_state_is_saved_as_it_was(folder):
    """The next step overwrites the buffers while the checkpoint is still being written."""
    overwrite = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf * 0, state), donate_argnums=0)
    state, expected = at_step(30), jax.device_get(at_step(30))
    checkpoints = folder()
    checkpoints.save(state, 30, {})
    jax.block_until_ready(overwrite(state))
    checkpoints.wait()
    restored, _ = checkpoints.restore(at_step(0), EIGHT.replicated)
    jax.tree.map(np.testing.assert_array_equal, restored, expected)


@pytest.mark.parametrize("damage", ["no state", "short arrays", "short record"])
def test_a_damaged_checkpoint_is_named_and_nothing_else_is_said(folder, tmp_path, caplog, damage):
    checkpoints = folder()
    for step in (10, 20):
        checkpoints.save(at_step(step), step, {"seconds": float(step)})
    checkpoints.wait()
    newest = tmp_path / "checkpoints" / "20"
    if damage == "no state":
        shutil.rmtree(newest / "state")
    elif damage == "short record":
        (newest / "record" / "metadata").write_text("{")
    else:
        for path in [*newest.glob("state/d/*"), *newest.glob("state/ocdbt.process_0/d/*")]:
            path.write_bytes(path.read_bytes()[:20])
    message = r"checkpoints/20 is damaged .*; remove that folder, and the run goes on from step 10\."
    with pytest.raises(JaxcnnError, match=message) as caught:
        folder().restore(at_step(0), EIGHT.replicated)
    assert "\n" not in str(caught.value)
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
    shutil.rmtree(newest)
    restored, _ = folder().restore(at_step(0), EIGHT.replicated)
    assert int(restored.step) == 10
