"""A run as the report sees it, made up; with names that would break a page that didn't escape them."""

import base64
import io
from typing import Any

from PIL import Image

from jaxcnn.reporting.run_page.content import RunContent

HOSTILE = '<script>alert("x")</script>'


def png() -> str:
    buffer = io.BytesIO()
    Image.new("L", (2, 2)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def train(step: int, **changes: Any) -> dict[str, Any]:
    split = {"step_ms": 10.0, "waiting_ms": 1.0, "transfer_ms": 2.0, "compute_ms": 7.0}
    errors = {"loss": 10.0 / step, "top1_error": 90.0 / step, "top5_error": 9.0 / step, "count": 100}
    numbers = {"epoch": step / 100, "rate": 0.1, "images_per_second": 1000.0}
    return {"step": step, "event": "train", **numbers, **errors, **split, **changes}


def tested(step: int, error: float) -> dict[str, Any]:
    errors = {"loss": 0.5, "top1_error": error, "top5_error": 0.5, "count": 10}
    return {"step": step, "event": "evaluation", "epoch": 1.0, **errors}


def evaluation(classes: int = 3) -> dict[str, Any]:
    names = [HOSTILE, *(f"class {number}" for number in range(1, classes))]
    hardest = {"record": 7, "label": HOSTILE, "predicted": names[1], "probability": 0.987, "png": png()}
    bins = [{"lower": 0.9, "upper": 1.0, "count": 10, "confidence": 0.95, "accuracy": 0.9}]
    confusion = [[8 if row == column else 1 for column in range(classes)] for row in range(classes)]
    found = {
        "per_class": {name: {"top1_error": 10.0 + place, "count": 10} for place, name in enumerate(names)},
        "confusion": confusion,
        "expected_calibration_error": 0.05,
        "calibration": bins,
    }
    return {
        "step": 200,
        "protocol": "center",
        "protocols": {"center": found},
        "wrong": 2,
        "hardest": [hardest],
        "filters": {"layer": "conv1", "shape": [5, 5, 1, 6], "png": png()},
    }


def content(**changes: Any) -> RunContent:
    """A finished run."""
    errors = {"top1_error": 9.0, "top5_error": 0.5, "loss": 0.4, "count": 10}
    beside = {"ours": 9.0, "paper": 8.75, "difference": 0.25}
    given: dict[str, Any] = {
        "folder": HOSTILE,
        "experiment": {"name": "net", "variant": "20", "data": "cifar10", "rehearsal": False, "seed": 0},
        "versions": {"jax": "1.2.3"},
        "commit": "abc",
        "imported": None,
        "events": [
            {"step": 0, "event": "compile", "seconds": 2.0, "devices": "1 × cpu"},
            *(train(step) for step in (50, 100, 150, 200)),
            tested(100, 20.0),
            tested(200, 9.0),
        ],
        "summary": {"evaluation": {"center": errors}, "steps": 200, "examples": 2000, "seconds": 75.0},
        "evaluation": evaluation(),
        "layers": None,
        "paper": {"title": "T", "authors": "A & B", "year": 2015, "venue": "V"},
        "compared": [{"protocol": "center", "source": "Table 6", "top1_error": beside, "top5_error": None}],
        "departures": [],
        "planned": 200,
        "commands": [("Train:", "python launch.py --exp=net:20 --workdir='a b'")],
    }
    return RunContent(**(given | changes))
