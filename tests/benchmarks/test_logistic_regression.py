"""The linear baseline, on the embedded digits."""

import json

from benchmarks import logistic_regression


def test_digits(capsys):
    logistic_regression.main(["--data=digits", "--size=8"])
    found = json.loads(capsys.readouterr().out)
    assert (found["train_pictures"], found["test_pictures"]) == (1438, 359)
    assert found["C"] in logistic_regression.STRENGTHS
    assert 0 <= found["train_error"] < found["test_error"] < 15  # chance is 90
