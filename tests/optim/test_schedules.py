"""Schedules of VGG, GoogLeNet and ResNet against torch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.optim.schedules import Constant, PerEpoch, PerStep, StepDecay, how_to_lower

torch = pytest.importorskip("torch", reason="torch is the second source")


def torch_rates(schedule, rate: float, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = schedule(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def our_rates(schedule, steps: int, steps_per_epoch: int = 5) -> np.ndarray:
    built = schedule.build(steps_per_epoch=steps_per_epoch, total_steps=steps)
    return np.array([float(built(jnp.asarray(step, jnp.int32))) for step in range(steps)])


def test_step_decay_is_torchs_step_lr():
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 8 * 5, 0.96), 0.01, 130)
    np.testing.assert_allclose(our_rates(StepDecay(rate=0.01, factor=0.96, epochs=8), 130), expected, rtol=1e-5)


def test_per_step_is_torchs_multi_step_lr():
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [32, 48], 0.1), 0.1, 64)
    ours = our_rates(PerStep(rates=(0.1, 0.01, 0.001), until=(32, 48)), 64)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_passes_may_be_parts_of_one():
    """Of 5 steps a pass, 2.2 and 1.8 passes are 11 and 9 steps."""
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [11, 20], 0.1), 0.1, 30)
    ours = our_rates(PerEpoch(rates=(0.1, 0.01, 0.001), epochs=(2.2, 1.8, 2)), 30)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_how_to_lower_a_rate_names_a_field_that_is_there():
    assert how_to_lower(Constant(0.1)) == "--set schedule.rate=…"
    assert how_to_lower(PerEpoch((0.1, 0.01), (1, 1))) == "--set schedule.rates=(…)"


@pytest.mark.parametrize("steps_per_epoch", [41, 94, 109, 2504])
def test_a_decay_comes_at_the_very_step(steps_per_epoch):
    """Compiled, 41 / 41 and 94 / 94 in float32 are less than 1."""
    schedule = jax.jit(jax.vmap(StepDecay(1.0, 0.5, 1).build(steps_per_epoch=steps_per_epoch, total_steps=1)))
    ends = steps_per_epoch * np.arange(1, 20, dtype=np.int32)
    np.testing.assert_array_equal(schedule(ends), 0.5 ** np.arange(1, 20))
    np.testing.assert_array_equal(schedule(ends - 1), 0.5 ** np.arange(19))
