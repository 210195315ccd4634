"""What a run does about damaged images: the log, the limit, the exit status."""

import json
import threading
import time

import pytest

from jaxcnn.data.embedded import Photos
from jaxcnn.data.loading.read import Damaged
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunStoppedError
from jaxcnn.parallel import coordination
from jaxcnn.runs.damaged_images import DamagedImages


class Log(list):
    def write(self, step, event, **numbers):
        self.append({"step": step, "event": event, **numbers})


class Thousands(Source):
    name, split = "thousands", "train"

    def __init__(self):
        """In memory, and never read."""

    def __len__(self):
        return 3000


def test_written_in_the_order_of_steps_when_their_step_is_done():
    pictures, log = DamagedImages(Thousands(), steps_per_epoch=100), Log()
    for step, record in ((7, 70), (3, 30), (12, 120)):
        pictures.report(step, Damaged(record, "cut"))
    pictures.write(log, 8)
    assert log == [
        {"step": 4, "event": "corrupt", "split": "train", "record": 30, "reason": "cut"},
        {"step": 8, "event": "corrupt", "split": "train", "record": 70, "reason": "cut"},
    ]
    pictures.write(log, 12)
    assert len(log) == 2
    pictures.write(log, 13)
    assert log[-1]["record"] == 120


def test_more_than_a_thousandth_of_an_epoch_stops_the_run():
    pictures, log = DamagedImages(Thousands(), steps_per_epoch=100), Log()
    for step in (5, 50, 99, 100, 101, 199):
        pictures.report(step, Damaged(step, "cut"))
    pictures.write(log, 200)  # three in each of two epochs of 3,000: a thousandth
    pictures.report(150, Damaged(7, "cut"))
    with pytest.raises(RunStoppedError, match=r"4 damaged images in epoch 2 .*records 7, 100, 101, 199\)") as caught:
        pictures.write(log, 200)
    assert "% of 3,000; prepare the data set again. metrics.jsonl names all of them." in str(caught.value)
    assert caught.value.exit_status == 4 and log[-1] == {"step": 200, "event": "stopped", "corrupt": 4}


def test_a_resumed_run_counts_what_was_logged_and_logs_nothing_twice():
    first, log = DamagedImages(Thousands(), steps_per_epoch=100), Log()
    for step in (0, 5, 50):
        first.report(step, Damaged(step, "cut"))
    first.write(log, 60)
    again, more = DamagedImages(Thousands(), steps_per_epoch=100), Log()
    again.resume(log)
    again.report(0, Damaged(0, "cut"))
    again.write(more, 60)
    assert more == []
    again.report(61, Damaged(61, "cut"))
    with pytest.raises(RunStoppedError, match="4 damaged images in epoch 1"):
        again.write(more, 62)


class Store(dict):
    """The coordination service's values, for processes that are threads here."""

    def key_value_set(self, key, value):
        self[key] = value

    def blocking_key_value_get(self, key, milliseconds):
        while key not in self:
            time.sleep(0.001)
        return self[key]

    def key_value_delete(self, key):
        del self[key]


def test_two_processes_count_together_and_stop_together(monkeypatch):
    """The second one, which doesn't write the log, reads two of the four damaged images."""
    store, own = Store(), threading.local()
    monkeypatch.setattr(coordination, "connected", lambda: True)
    monkeypatch.setattr(coordination, "coordination_client", lambda: store)
    monkeypatch.setattr(coordination.jax, "process_count", lambda: 2)
    monkeypatch.setattr(coordination.jax, "process_index", lambda: own.index)

    class Counting:
        def __next__(self):
            own.number = getattr(own, "number", -1) + 1
            return own.number

    monkeypatch.setattr(coordination, "_gatherings", Counting())
    logs, stopped = (Log(), Log()), {}

    def process(index):
        own.index = index
        pictures = DamagedImages(Thousands(), steps_per_epoch=100)
        pictures.report(3 + index, Damaged(30 + index, "cut"))
        pictures.write(logs[index], 10)
        pictures.report(20, Damaged(40 + index, "cut"))
        try:
            pictures.write(logs[index], 30)
        except RunStoppedError as error:
            stopped[index] = str(error)

    threads = [threading.Thread(target=process, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logs[0] == logs[1] and [event.get("record") for event in logs[0]] == [30, 31, 40, 41, None]
    assert stopped[0] == stopped[1] and "4 damaged images in epoch 1" in stopped[0]
    assert sorted(store) == ["jaxcnn/gathering/1/0", "jaxcnn/gathering/1/1"]  # those before were taken away


@pytest.fixture
def spoil(monkeypatch):
    """Damages these records of the embedded photographs' training split."""

    def damage(*records):
        original = Photos.__getitem__

        def spoilt(self, index):
            if self._split == "train" and index in records:
                return {"image": b"junk", "label": 0}
            return original(self, index)

        monkeypatch.setattr(Photos, "__getitem__", spoilt)

    return damage


def events(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_run_goes_on_with_a_few_and_stops_with_more(tiny_photos, spoil, tmp_path):
    spoil(17, 900)
    status, _, notices = tiny_photos(f"--workdir={tmp_path / 'few'}")
    assert status == 0, notices
    corrupt = [event for event in events(tmp_path / "few") if event["event"] == "corrupt"]
    assert {event["record"] for event in corrupt} == {17, 900} and {event["split"] for event in corrupt} == {"train"}
    assert all("not a readable image" in event["reason"] for event in corrupt)
    spoil(17, 900, 901)
    status, output, notices = tiny_photos(f"--workdir={tmp_path / 'more'}")
    assert (status, output) == (4, ""), notices
    assert "3 damaged images in epoch 1 of photos's train split (records 17, 900, 901)" in notices
    assert "Traceback" not in notices and not (tmp_path / "more" / "summary.json").exists()


def test_an_evaluation_names_the_damaged_picture(tiny_photos, monkeypatch, tmp_path):
    original = Photos.__getitem__

    def spoilt(self, index):
        return {"image": b"junk", "label": 0} if (self._split, index) == ("test", 33) else original(self, index)

    monkeypatch.setattr(Photos, "__getitem__", spoilt)
    status, _, notices = tiny_photos(f"--workdir={tmp_path}/r")
    assert status == 4 and "photos, test split, record 33: not a readable image" in notices


@pytest.fixture
def tiny_photos(monkeypatch, capsys):
    """`launch.py` with a linear network on the embedded photographs, one epoch of four steps."""
    import dataclasses
    from typing import Any

    import flax.linen as nn
    import jax.numpy as jnp

    import jaxcnn.experiments.cnn_primer
    from jaxcnn.cli.main import main
    from jaxcnn.config.inputs import Inputs
    from jaxcnn.models.layers.core import Dense
    from jaxcnn.optim.schedules import Constant

    class Linear(nn.Module):
        num_classes: int = 10
        dtype: Any = jnp.float32

        @nn.compact
        def __call__(self, images, *, train: bool):
            del train
            return Dense(self.num_classes, name="fc", dtype=self.dtype)(images[:, ::16, ::16]).astype(jnp.float32)

    paper = dataclasses.replace(
        jaxcnn.experiments.cnn_primer.paper(),
        model=Linear(),
        inputs=Inputs(size=65, channels=3, stored_size=65, scale=1 / 255, mean=127.0),
        schedule=Constant(0.001),
        batch_size=496,
        rehearsal=None,
    )
    monkeypatch.setattr(jaxcnn.experiments.cnn_primer, "VARIANTS", {"paper": paper})

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--exp=cnn_primer", "--data=photos", "--epochs=1.2", *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run
