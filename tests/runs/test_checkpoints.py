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

    def open_again(**options) -> Checkpoints:
        opened.append(Checkpoints(tmp_path, **options))
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


def saved(folder) -> None:
    checkpoints = folder()
    for step in (10, 20):
        checkpoints.save(at_step(step), step, {"seconds": float(step)})
    checkpoints.wait()


def damage(newest, how: str) -> None:
    if how == "no state":
        shutil.rmtree(newest / "state")
    elif how == "short record":
        (newest / "record" / "metadata").write_text("{")
    else:
        for path in [*newest.glob("state/d/*"), *newest.glob("state/ocdbt.process_0/d/*")]:
            path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize("with_digests", [True, False])
@pytest.mark.parametrize("how", ["no state", "short arrays", "short record"])
def test_a_damaged_checkpoint_is_set_aside_and_nothing_else_is_said(folder, tmp_path, caplog, how, with_digests):
    """Also one of an older release, which wrote down no digests."""
    saved(folder)
    if not with_digests:
        (tmp_path / "checkpoint_digests.json").unlink()
    damage(tmp_path / "checkpoints" / "20", how)
    reading = folder()
    restored, record = reading.restore(at_step(0), EIGHT.replicated)
    assert int(restored.step) == 10 and record == {"seconds": 10.0}
    (note,) = reading.notes
    assert "checkpoints/20 is damaged (" in note and note.endswith("); step 10 is used instead")
    assert (tmp_path / "checkpoints" / "20").exists()  # who only reads leaves the folder as it is
    training = folder(sets_aside=True)
    restored, _ = training.restore(at_step(0), EIGHT.replicated)
    (note,) = training.notes
    assert note.endswith("it was set aside as damaged-20") and "\n" not in note
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["10", "damaged-20"]
    training.save(at_step(20), 20, {"seconds": 21.0})
    training.wait()
    assert folder().record() == {"seconds": 21.0}
    gc.collect()
    assert not [entry for entry in caplog.records if entry.name == "asyncio"]


WAYS = {
    "flip": lambda content: bytes([content[0] ^ 1]) + content[1:] if content else b"x",
    "flip within": lambda content: content[: len(content) // 2] + b"\x5a" + content[len(content) // 2 + 1 :] + b"",
    "cut": lambda content: content[: len(content) // 2] if content else b"x",
    "empty": lambda content: b"" if content else b"x",
    "remove": lambda content: None,
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_happens_to_any_file_the_numbers_are_right(folder, tmp_path, way):
    saved(folder)
    newest = tmp_path / "checkpoints" / "20"
    files = sorted(path for path in newest.rglob("*") if path.is_file())
    assert len(files) > 8
    for file in files:
        whole = file.read_bytes()
        content = WAYS[way](whole)
        if content == whole:
            continue
        file.unlink() if content is None else file.write_bytes(content)
        reading = folder()
        restored, record = reading.restore(at_step(0), EIGHT.replicated)
        assert int(restored.step) == 10 and record == {"seconds": 10.0}, file
        jax.tree.map(np.testing.assert_array_equal, restored, at_step(10))
        assert file.name in reading.notes[0]
        file.write_bytes(whole)
    assert folder().record() == {"seconds": 20.0}


def test_where_all_are_damaged_nothing_is_set_aside(folder, tmp_path):
    saved(folder)
    for step in ("10", "20"):
        (tmp_path / "checkpoints" / step / "_CHECKPOINT_METADATA").write_text("")
    with pytest.raises(
        JaxcnnError, match=r"every checkpoint in .* is damaged \(step 20: changed: _CHECK.*step 10"
    ) as e:
        folder(sets_aside=True).restore(at_step(0), EIGHT.replicated)
    assert "\n" not in str(e.value) and {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"10", "20"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digests": {"20": {"x": "y"}}, "own": "z"}'])
def test_damaged_digests_are_no_digests(folder, tmp_path, content):
    saved(folder)
    (tmp_path / "checkpoint_digests.json").write_text(content)
    restored, _ = folder().restore(at_step(0), EIGHT.replicated)
    assert int(restored.step) == 20


def test_two_damaged_checkpoints_of_one_step_have_two_names(folder, tmp_path):
    saved(folder)
    for name in ("damaged-20", "damaged-20-2"):
        damage(tmp_path / "checkpoints" / "20", "short record")
        training = folder(sets_aside=True)
        training.restore(at_step(0), EIGHT.replicated)
        assert (tmp_path / "checkpoints" / name).is_dir()
        training.save(at_step(20), 20, {})
        training.wait()
