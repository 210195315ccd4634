"""Metrics, losses and the plateau controller against scikit-learn, torch and hand-made cases."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from jaxcnn.config.experiment import Plateau
from jaxcnn.optim.losses import MaximumAPosteriori, SoftmaxCrossEntropy
from jaxcnn.optim.plateau import PlateauState, observe
from jaxcnn.training.metrics import divide, sum_metrics, zero_sums


@given(rows=st.sampled_from([1, 7, 40]), classes=st.sampled_from([6, 20]), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_errors_are_scikit_learns(rows, classes, seed):
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(rows, classes)).astype(np.float32)
    labels = generator.integers(0, classes, rows, dtype=np.int32)
    sums = sum_metrics(jnp.asarray(scores), jnp.asarray(labels), jnp.ones(rows), jnp.ones(rows))
    means = divide(sums)
    for k, key in ((1, "top1_error"), (5, "top5_error")):
        right = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(classes))
        assert means[key] == pytest.approx(100 * (1 - right), abs=1e-3)
    assert means["count"] == rows


def test_masked_rows_do_not_count():
    scores, labels = jnp.eye(4), jnp.array([0, 1, 0, 0], jnp.int32)
    means = divide(sum_metrics(scores, labels, jnp.arange(4.0), jnp.array([1.0, 1.0, 1.0, 0.0])))
    assert means == {"loss": 1.0, "top1_error": pytest.approx(100 / 3), "top5_error": 0.0, "count": 3}


def test_ties_go_to_the_first_class_and_nan_is_an_error():
    labels = jnp.array([0, 1], jnp.int32)
    tied = divide(sum_metrics(jnp.zeros((2, 3)), labels, jnp.zeros(2), jnp.ones(2)))
    assert tied["top1_error"] == 50.0
    lost = divide(sum_metrics(jnp.full((2, 3), jnp.nan), labels, jnp.zeros(2), jnp.ones(2)))
    assert lost["top1_error"] == 100.0


def test_nothing_counted_is_an_error():
    with pytest.raises(ValueError, match="no example"):
        divide(zero_sums())


def test_cross_entropy_is_torchs():
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    logits = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    labels = np.arange(7, dtype=np.int32) % 5
    theirs = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits), torch.from_numpy(labels).long(), reduction="none"
    )
    np.testing.assert_allclose(SoftmaxCrossEntropy()(jnp.asarray(logits), jnp.asarray(labels)), theirs, rtol=1e-5)


def test_map_loss_is_equation_9():
    distances = np.array([[1.0, 4.0, 2.0], [3.0, 0.5, 6.0]])
    labels = np.array([2, 1], np.int32)
    expected = [y[label] + np.log(np.exp(-1.5) + np.exp(-y).sum()) for y, label in zip(distances, labels, strict=True)]
    ours = MaximumAPosteriori(j=1.5)(jnp.asarray(-distances, jnp.float32), jnp.asarray(labels))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_plateau_divides_the_rate_three_times():
    plateau, state = Plateau(factor=0.1, patience=2, reductions=3), PlateauState.create()
    scales = []
    for error in [50, 40, 40, 41, 30, 31, 31, 31, 31, 31, 31, 31, 31]:
        state = observe(plateau, state, float(error))
        scales.append(round(float(state.scale), 6))
    assert scales == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001, 0.001]
    assert float(state.best) == 30 and int(state.reductions) == 3
