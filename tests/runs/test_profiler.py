"""`--profile`: which steps are traced, and that the trace is one."""

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

import jaxcnn
from jaxcnn.errors import UsageError
from jaxcnn.runs.profiler import StepTrace


@pytest.mark.parametrize(
    ("step", "stop", "traced"),
    [(0, 100, [3, 4, 5, 6, 7]), (10, 100, [13, 14, 15, 16, 17]), (0, 5, [3, 4, 5]), (0, 1, [1]), (98, 100, [100])],
)
def test_the_first_steps_are_left_out_where_there_are_more(monkeypatch, tmp_path, step, stop, traced):
    running, found, said = [], [], []
    monkeypatch.setattr(jax.profiler, "start_trace", running.append)
    monkeypatch.setattr(jax.profiler, "stop_trace", running.clear)
    trace = StepTrace(tmp_path / "trace", step=step, stop=stop, say=said.append)
    for number in range(step + 1, stop + 1):
        trace.before(number)
        if running:
            found.append(number)
        trace.after(number, jnp.zeros(1))
    trace.close()
    assert found == traced and not running
    assert len(said) == 1 and str(tmp_path / "trace") in said[0]


def test_an_interrupted_run_ends_its_trace(monkeypatch, tmp_path):
    ended = []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: None)
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: ended.append(True))
    trace = StepTrace(tmp_path, step=0, stop=100, say=lambda text: None)
    trace.before(3)
    trace.close()
    trace.close()
    assert ended == [True]


def test_a_run_writes_a_trace_with_its_operations(tmp_path):
    experiment = jaxcnn.load("lenet5_1998:modern")
    options = {"data": "digits", "workdir": tmp_path / "run", "steps": 4, "settings": ("batch_size=16",)}
    jaxcnn.fit(experiment, profile=tmp_path / "trace", **options)
    (file,) = (tmp_path / "trace").rglob("*.trace.json.gz")
    with gzip.open(file) as opened:
        events = json.load(opened)["traceEvents"]
    assert any("convolution" in event.get("name", "") for event in events)
    assert list((tmp_path / "trace").rglob("*.xplane.pb"))
    with pytest.raises(UsageError, match=r"has had all of its 4 steps; use another --workdir"):
        jaxcnn.fit(experiment, profile=tmp_path / "trace", **options)


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--profile=.*file/trace: Not a directory; name a folder"):
        StepTrace(tmp_path / "file" / "trace", step=0, stop=4, say=print)
