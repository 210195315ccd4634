"""Several runs side by side, and the spread over seeds, against NumPy."""

import re

import numpy as np
from run_contents import content

from jaxcnn.reporting.run_page.compose import compose
from jaxcnn.reporting.run_page.several import groups, over_seeds


def run(seed: int, error: float, *, steps: int = 200, batch_size: int = 128, **changes):
    experiment = {"name": "net", "variant": "20", "data": "cifar10", "rehearsal": False}
    errors = {"top1_error": error, "top5_error": error / 10, "loss": 0.4, "count": 10}
    given = {
        "folder": f"runs/{seed}-{batch_size}",
        "experiment": experiment | {"seed": seed, "batch_size": batch_size},
        "summary": {"evaluation": {"center": errors}, "steps": steps, "examples": 2000, "seconds": 75.0},
    }
    return content(**(given | changes))


def test_mean_and_deviation_are_numpys():
    errors = [9.1, 8.6, 8.9]
    (section,) = over_seeds([run(seed, error) for seed, error in enumerate(errors)])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", str(section.body))
    assert cells[2:6] == [f"{np.mean(errors):.2f} %", f"{np.std(errors, ddof=1):.2f}", "8.60 – 9.10 %", "3"]
    assert cells[8:10] == [f"{np.mean(errors) / 10:.2f} %", f"{np.std(np.array(errors) / 10, ddof=1):.2f}"]


def test_only_runs_that_differ_in_the_seed_alone_are_averaged():
    runs = [run(0, 9.0), run(1, 8.0), run(2, 7.0, batch_size=64), run(3, 6.0, steps=100), run(4, 5.0, summary=None)]
    assert [[one.experiment["seed"] for one in group] for group in groups(runs)] == [[0, 1]]
    assert groups([run(0, 9.0), run(0, 9.0)]) == [], "the same seed twice is no spread"
    assert over_seeds(runs[2:]) == []


def test_the_page_has_each_run_and_its_curves():
    page = compose([run(0, 9.0), run(1, 8.0, batch_size=64), run(2, 7.0, summary=None, evaluation=None)])
    assert "<h1>3 runs</h1>" in page and "runs/1-64, training" in page and "runs/1-64, test" in page
    assert "not finished" in page and "runs/2-128: Not finished: step 200" in page
    assert "series-3" in page and "Over seeds" not in page


def test_a_caution_of_several_is_said_once():
    page = compose([run(0, 9.0, departures=["x"]), run(1, 8.0, departures=["x"])])
    assert page.count("Not as in the paper: x.") == 1 and "runs/0-128, runs/1-128: Not as" in page
