"""What a person sees of a run."""

import io

import pytest
from rich.console import Console

from jaxcnn.reporting import progress
from jaxcnn.reporting.progress import Live, Plain, Silent, TimeLeft, automatic


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_time_left_follows_the_pace_of_this_process(clock):
    left = TimeLeft()
    assert left(1000, 2000) is None  # resumed at 1000: no pace yet
    clock[0] += 10
    assert left(1100, 2000) == pytest.approx(90)
    clock[0] += 10
    assert left(2000, 2000) == 0
    assert left(5, None) is None


def test_time_left_starts_anew_with_a_new_stretch(clock):
    left = TimeLeft()
    left(0, 10)
    clock[0] += 5
    assert left(10, 10) == 0
    assert left(0, 10) is None
    clock[0] += 2
    assert left(1, 10) == pytest.approx(18)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "  0:00 left"), (59.6, "  1:00 left"), (75, "  1:15 left"), (3725, "  1:02:05 left")],
)
def test_seconds_as_a_clock(seconds, text):
    assert progress._left(seconds) == text


def test_plain_writes_a_line_now_and_then(clock):
    stream = io.StringIO()
    display = Plain(stream, every_seconds=5)
    for done in range(0, 1001, 100):
        display.advance("train", done, 2000, "loss 0.5")
        clock[0] += 1
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train 0/2,000  loss 0.5"  # at once: training has begun
    assert lines[1:] == ["train 500/2,000  0:15 left  loss 0.5", "train 1,000/2,000  0:10 left  loss 0.5"]


def test_plain_shows_the_first_loss_at_once(clock):
    stream = io.StringIO()
    display = Plain(stream, every_seconds=5)
    for done, note in ((1, ""), (2, "loss 4.5"), (3, "loss 4.5"), (4, "loss 4.4")):
        display.advance("train", done, 200, note)
        clock[0] += 1
    assert stream.getvalue() == "train 2/200  3:18 left  loss 4.5\n"


def test_plain_always_shows_the_end_of_training_but_not_of_a_short_stretch(clock):
    stream = io.StringIO()
    display = Plain(stream, every_seconds=5)
    for what in ("evaluate", "train"):
        display.advance(what, 1, 2)
        clock[0] += 1
        display.advance(what, 2, 2)
    assert stream.getvalue() == "train 2/2  0:00 left\n"
    display.advance("download", 10, None)
    clock[0] += 6
    display.advance("download", 5_000_000, None)
    assert stream.getvalue().splitlines()[-1] == "download 5,000,000"
    display.message("a line of its own")
    display.close()
    assert stream.getvalue().endswith("a line of its own\n")


def test_live_shows_bars_and_keeps_messages():
    stream = io.StringIO()
    display = Live(Console(file=stream, force_terminal=True, width=120, color_system=None))
    display.advance("train", 1, 4, "loss 0.5")
    display.message("step 1: [bold] is no markup")
    display.advance("evaluate", 1, 2)
    display.advance("evaluate", 2, 2)
    assert set(display._tasks) == {"train"}  # a stretch that is over leaves
    display.advance("evaluate", 1, 2)
    display.advance("train", 4, 4, "loss 0.25")
    display.close()
    shown = stream.getvalue()
    assert "step 1: [bold] is no markup" in shown and "loss 0.25" in shown and "4/4" in shown


def test_silent_says_nothing(capsys):
    display = Silent()
    display.message("text")
    display.advance("train", 1, 2, "note")
    display.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("terminal", "kind"), [(True, Live), (False, Plain)])
def test_a_bar_only_on_a_terminal(monkeypatch, terminal, kind):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    display = automatic()
    display.close()
    assert type(display) is kind


def test_a_long_note_leaves_the_bar_and_the_count():
    stream = io.StringIO()
    display = Live(Console(file=stream, force_terminal=True, width=80))
    note = "epoch 12.34  loss 0.1234  error 12.34 %  rate 0.01  [x] images/s"
    display.advance("train", 1_000, 450_000, note)
    display.advance("train", 2_000, 450_000, note)
    display.close()
    lines = stream.getvalue().splitlines()
    bars = [line for line in lines if "train" in line]
    assert all("━" in line and "/450000" in line for line in bars) and "  2000/450000" in bars[-1]
    assert any(note in line for line in lines if "train" not in line)


def test_a_terminal_has_the_curves_and_a_file_has_not():
    stream = io.StringIO()
    display = Live(Console(file=stream, force_terminal=True, width=100, _environ={}))
    for value in (90.0, 50.0, float("nan"), 10.0):
        display.measured("error", value)
        display.advance("train", 1, 10, "a note")
    display.close()
    assert "error █▅▁  90 → 10" in stream.getvalue()
    plain = io.StringIO()
    for shown in (Plain(plain), Silent()):
        shown.measured("error", 1.0)
    assert plain.getvalue() == ""


def test_a_terminal_without_blocks_has_no_curves():
    class Ascii(io.StringIO):
        encoding = "ascii"

    stream = Ascii()
    display = Live(Console(file=stream, force_terminal=True, width=100, _environ={}))
    display.measured("error", 2.0)
    display.measured("error", 1.0)
    display.close()
    assert "█" not in stream.getvalue() and "error" not in stream.getvalue()
