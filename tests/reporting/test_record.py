"""metrics.jsonl, across kills and resumptions, and the event file."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from jaxcnn.errors import JaxcnnError
from jaxcnn.reporting.record import Record, read_events

ROOT = Path(__file__).parents[2]


def scalars(folder) -> dict[tuple[str, int], float]:
    """(tag, step) → value, of all event files: length, its check, an Event, its check."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + size])
            place += 12 + size + 4
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return found


def test_an_event_is_a_line(tmp_path):
    record = Record(tmp_path, step=0)
    record.write(4, "train", loss=1.5, count=8)
    assert read_events(record.path) == [{"step": 4, "event": "train", "loss": 1.5, "count": 8}]  # at once
    record.write(8, "evaluation", top1_error=12.5, note="text", best=True)
    record.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {"step": 8, "event": "evaluation", "top1_error": 12.5, "note": "text", "best": True}
    assert len(lines) == 2


def test_numbers_are_tensorboards_too(tmp_path):
    record = Record(tmp_path, step=0)
    record.write(4, "train", loss=1.5, count=8, note="text", best=True)
    record.close()
    assert scalars(tmp_path) == {("train/loss", 4): 1.5, ("train/count", 4): 8.0}


def test_an_image_is_tensorboards_alone(tmp_path):
    record = Record(tmp_path, step=0)
    record.image(0, "first", np.zeros((4, 6, 3), np.uint8))
    record.close()
    assert (tmp_path / "metrics.jsonl").read_text() == "" and list(scalars(tmp_path)) == [("first", 0)]
    silent = Record(tmp_path / "none", step=0, writes=False)
    silent.image(0, "first", np.zeros((4, 6, 3), np.uint8))
    silent.close()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_can_not_hold_becomes_null(tmp_path, value, caplog):
    record = Record(tmp_path, step=0)
    record.write(1, "stopped", loss=value)
    record.close()
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "event": "stopped", "loss": null}\n'
    assert not caplog.records  # TensorBoard's writer would complain


def test_resuming_drops_what_will_come_again(tmp_path):
    record = Record(tmp_path, step=0)
    for step in (2, 4, 6, 8):
        record.write(step, "train", loss=float(step))
    record.close()
    resumed = Record(tmp_path, step=4)
    resumed.write(6, "train", loss=-6.0)
    resumed.close()
    assert [(event["step"], event["loss"]) for event in read_events(resumed.path)] == [(2, 2.0), (4, 4.0), (6, -6.0)]
    assert not list(tmp_path.glob("*.part"))


def test_a_run_that_was_killed_before_its_summary_says_its_last_errors_once(tmp_path):
    for _ in range(2):
        record = Record(tmp_path, step=4)
        record.write(4, "final_center", top1_error=1.0)
        record.close()
    assert [event["event"] for event in read_events(record.path)] == ["final_center"]


@pytest.mark.parametrize("torn", ["", '{"st', '{"step": 6, "event": "train"}'])
def test_a_last_line_that_a_kill_left_unfinished_is_dropped(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 2, "event": "train"}\n{"step": 4, "event": "train"}\n' + torn)
    assert [event["step"] for event in read_events(path)] == [2, 4]
    record = Record(tmp_path, step=100)
    record.write(101, "train")
    record.close()
    assert [event["step"] for event in read_events(path)] == [2, 4, 101]


def test_no_file_holds_no_event(tmp_path):
    assert read_events(tmp_path / "metrics.jsonl") == []


def test_means_weigh_windows_by_their_examples(tmp_path):
    record = Record(tmp_path, step=0)
    assert record.train_means(since=0) == {}
    record.write(2, "train", loss=100.0, top1_error=100.0, top5_error=100.0, count=1000)
    record.write(4, "train", loss=1.0, top1_error=50.0, top5_error=10.0, count=10)
    record.write(4, "evaluation", loss=7.0, top1_error=7.0, top5_error=7.0, count=7)
    record.write(6, "train", loss=4.0, top1_error=20.0, top5_error=0.0, count=30)
    means = record.train_means(since=2)
    record.close()
    assert means == {"loss": 3.25, "top1_error": 27.5, "top5_error": 2.5, "count": 40}


@pytest.mark.parametrize("damaged", ['{"st', "\0\0", "3", '{"event": "train"}'])
def test_another_damaged_line_is_named(tmp_path, damaged):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 2, "event": "train"}}\n{damaged}\n{{"step": 4, "event": "train"}}\n')
    with pytest.raises(JaxcnnError, match=r"line 2 of .*metrics\.jsonl is damaged; remove that line"):
        read_events(path)


WITHOUT_TORCH = """
import sys
from jaxcnn.reporting.record import Record

record = Record(sys.argv[1], step=0)
record.write(1, "train", loss=1.5)
record.close()
assert "tensorboardX" in sys.modules and "torch" not in sys.modules
import torch
"""


def test_torch_is_not_imported_for_the_event_file_and_can_be_afterwards(tmp_path):
    pytest.importorskip("torch", reason="where torch isn't installed nothing can import it")
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], check=True, cwd=ROOT)
    assert scalars(tmp_path) == {("train/loss", 1): 1.5}
