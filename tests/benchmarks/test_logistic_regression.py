"""The linear baseline, on the embedded digits."""

import json

import pytest

from benchmarks import logistic_regression
from jaxcnn.config.experiment import DIGITS_BASELINE, PHOTOS_BASELINE


@pytest.mark.parametrize("scaling", ["each", "whole"])
def test_digits(capsys, scaling):
    logistic_regression.main(["--data=digits", "--size=8", f"--scaling={scaling}"])
    found = json.loads(capsys.readouterr().out)
    assert (found["train_pictures"], found["test_pictures"]) == (1438, 359)
    assert found["C"] in logistic_regression.STRENGTHS[scaling]
    assert 0 <= found["train_error"] < found["test_error"] < 15  # chance is 90
    if scaling == "whole":
        assert f": {found['test_error']:.1f} % test error" in DIGITS_BASELINE


@pytest.mark.slow
def test_photos():
    found = logistic_regression.baseline("photos", size=32)
    assert f"32×32 pixels: {found['test_error']:.1f} % test error" in PHOTOS_BASELINE
