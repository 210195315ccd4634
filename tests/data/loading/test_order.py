import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data.loading.order import batch_at, batch_indices, epoch_order
from jaxcnn.errors import UsageError

PINNED = [9, 7, 8, 3, 5, 6, 4, 0, 2, 1]  # seed 3, epoch 1, ten records

sizes = st.integers(1, 300)
seeds = st.integers(0, 2**63 - 1)


@settings(deadline=None)  # the machine may be busy
@given(size=sizes, batch_size=st.integers(1, 700), seed=seeds, epochs=st.integers(1, 3))
def test_each_epoch_is_a_permutation(size, batch_size, seed, epochs):
    batches = itertools.islice(batch_indices(size, batch_size, seed=seed), -(-epochs * size // batch_size))
    stream = np.concatenate(list(batches))[: epochs * size].reshape(epochs, size)
    np.testing.assert_array_equal(np.sort(stream, axis=1), np.tile(np.arange(size), (epochs, 1)))


@settings(deadline=None)  # the machine may be busy
@given(size=st.integers(20, 300), batch_size=st.integers(1, 700), seed=seeds, start=st.integers(0, 20))
def test_starting_at_a_step_gives_what_an_uninterrupted_run_sees(size, batch_size, seed, start):
    uninterrupted = itertools.islice(batch_indices(size, batch_size, seed=seed), start, start + 3)
    resumed = batch_indices(size, batch_size, seed=seed, start_step=start)
    for expected, batch in zip(uninterrupted, resumed, strict=False):
        assert batch.shape == (batch_size,) and batch.dtype == np.int32
        np.testing.assert_array_equal(batch, expected)


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = [epoch_order(1000, seed, epoch) for seed in range(3) for epoch in range(3)]
    for one, other in itertools.combinations(orders, 2):
        # Two random permutations agree in one place on average (Poisson: above 10 has odds of 1e-8).
        assert (one == other).sum() <= 10


def test_the_order_is_this_one_for_ever():
    # A checkpoint from last year must go on with the same batches: a change here breaks that promise.
    # Second source: the sorting order of ten raw Philox numbers, counter 0, key (3, 1), by hand.
    raw = np.random.Philox(counter=0, key=np.array([3, 1], np.uint64)).random_raw(10)
    by_hand = sorted(range(10), key=lambda index: int(raw[index]))
    assert epoch_order(10, 3, 1).tolist() == by_hand == PINNED


def test_a_batch_costs_microseconds():
    batches = batch_indices(60_000, 8, seed=0)
    begin = time.perf_counter()
    for _ in range(7500):
        next(batches)
    assert (time.perf_counter() - begin) / 7500 < 30e-6


def test_no_one_can_disturb_the_order():
    with pytest.raises(ValueError, match="read-only"):
        batch_at(100, 8, seed=0, step=0)[0] = 1


@pytest.mark.parametrize("values", [(0, 8, 0, 0), (10, 0, 0, 0), (10, 8, -1, 0), (10, 8, 0, -1)])
def test_values_out_of_range_are_named(values):
    size, batch_size, seed, start = values
    with pytest.raises(UsageError, match="must be at least"):
        batch_indices(size, batch_size, seed=seed, start_step=start)
