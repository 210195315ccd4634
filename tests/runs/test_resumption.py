"""What is said where a run goes on in other surroundings."""

from typing import Any

import jax
import pytest

from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.resumption import changes, surroundings


def around(mode: Any = "jit", count: int = 8, **fields: Any) -> dict[str, Any]:
    return surroundings(Devices(mode, jax.devices()[:count])) | fields


def told(before: dict[str, Any] | None, now: dict[str, Any], batch_norm: bool = True) -> list[str]:
    return changes(before, now, batch_norm=batch_norm, batch_size=64)


def test_the_same_surroundings_and_unknown_ones_say_nothing():
    assert told(around(), around()) == [] == told(None, around())


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"cores": 4096}, "cores 4096 (now "), ({"jax": "0.1"}, "jax 0.1 (now "), ({"device_kind": "x"}, "device kind x")],
)
def test_what_rounds_otherwise_is_named(fields, said):
    (line,) = told(around(**fields), around())
    assert line.startswith("note: the checkpoint was saved with ") and said in line and "not to the bit" in line


@pytest.mark.parametrize(
    ("before", "now", "rows"),
    [
        (around("pmap"), around(), (8, 64)),
        (around(), around("pmap"), (64, 8)),
        (around("pmap", 4), around("pmap"), (16, 8)),
    ],
)
def test_other_batches_of_batch_normalisation_are_more_than_rounding(before, now, rows):
    mathematics, rounding = told(before, now)
    assert f"saw {rows[0]} images at a time" in mathematics and f"from here on {rows[1]}" in mathematics
    assert "not to the bit" in rounding
    assert told(before, now, batch_norm=False) == [rounding]


def test_jit_on_other_devices_is_rounding_alone():
    (line,) = told(around(count=1), around())
    assert "1 × cpu (now 8 × cpu)" in line
