"""Turns and their statistics, by a clock that the contenders themselves advance."""

import math

import pytest

from benchmarks.timing import SHORTEST, Runner, disagreement, losses, ratio, summary, turns


class Track:
    """Contenders that take so many seconds a step, and a note of who ran with which batch."""

    def __init__(self, **speeds: float) -> None:
        self.now, self.ran = 0.0, []
        self.runners = {name: Runner(0.0, self.runner(name, seconds), float) for name, seconds in speeds.items()}

    def runner(self, name, seconds):
        def run(number):
            self.ran.append((name, number))
            self.now += seconds

        return run

    def clock(self) -> float:
        return self.now


def test_each_step_is_timed():
    track = Track(ours=2.0, theirs=3.0)
    steps, seconds = turns(track.runners, repeats=3, clock=track.clock, steps=4)
    assert steps == 4
    assert seconds == {"ours": [2.0] * 3, "theirs": [3.0] * 3}
    # Once each; then three turns of four steps, each after one that isn't counted.
    assert len(track.ran) == 2 * (1 + 3 * 5)


def test_turns_of_the_warm_up_are_not_counted():
    track = Track(ours=2.0, theirs=3.0)
    _, seconds = turns(track.runners, repeats=1, clock=track.clock, steps=4, warm_up=26.0)
    assert seconds == {"ours": [2.0], "theirs": [3.0]}
    assert len(track.ran) == 2 * (1 + 2 * 5 + 5)  # a round takes 25 seconds, so two of them


def test_another_one_begins_each_round():
    track = Track(a=1.0, b=1.0, c=1.0)
    turns(track.runners, repeats=3, clock=track.clock, steps=1)
    assert "".join(name for name, _ in track.ran) == "abc" + "abc" + "bca" + "cab"


@pytest.mark.parametrize(("quickest", "expected"), [(SHORTEST / 10, 10), (SHORTEST / 0.9, 1), (50.0, 1)])
def test_a_turn_is_as_long_as_the_quickest_needs(quickest, expected):
    track = Track(slow=100.0, quick=quickest)
    steps, seconds = turns(track.runners, repeats=1, clock=track.clock)
    assert steps == expected
    assert seconds["slow"] == pytest.approx([100.0])


def test_losses_are_those_of_the_first_and_the_last_step():
    ran = []
    runner = Runner(0.0, ran.append, lambda number: ran.append(number) or 10.0 * number)
    assert losses({"a": runner}, 5) == {"a": [0.0, 40.0]}
    assert ran == [0, 1, 2, 3, 4]
    assert losses({"a": runner}, 1) == {"a": [0.0, 0.0]}


def test_summary_is_of_the_median_and_the_best():
    found = summary({"a": [4.0, 1.0, 2.0]}, rows=8)["a"]
    assert (found["images_per_second"], found["images_per_second_best"]) == (4.0, 8.0)


def test_ratio_is_against_the_quickest_by_its_median_round_by_round():
    seconds = {"ours": [1.0, 2.0, 4.0], "x": [3.0, 3.0, 3.0], "y": [1.0, 4.0, 9.0]}
    assert ratio(seconds, "ours", ["x", "y"]) == {"against": "x", "median": 1.5, "low": 0.75, "high": 3.0}
    assert ratio(seconds, "ours", ["y", "absent"]) == {"against": "y", "median": 2.0, "low": 1.0, "high": 2.25}
    assert ratio(seconds, "ours", ["absent"]) is None


def test_disagreement_is_the_largest_relative_difference():
    found = {"ours": [2.0, 1.0], "near": [2.0, 1.001], "far": [3.0, 1.0], "lost": [2.0, math.nan]}
    assert disagreement(found, "ours") == {
        "near": pytest.approx(0.001),
        "far": pytest.approx(0.5),
        "lost": math.inf,
    }
