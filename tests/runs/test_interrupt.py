"""Signals while a step runs."""

import os
import signal
import threading

import pytest

from jaxcnn.runs.interrupt import Interrupts
from jaxcnn.runtime import signals

CAUGHT = tuple(signals.WORDS)
pytestmark = pytest.mark.usefixtures("usual_handlers")


@pytest.mark.parametrize("number", CAUGHT)
def test_the_first_signal_is_noted(number):
    before = [signal.getsignal(each) for each in CAUGHT]
    with Interrupts() as interrupts:
        assert interrupts.received is None
        os.kill(os.getpid(), number)
        assert interrupts.received is number
    assert [signal.getsignal(each) for each in CAUGHT] == before


def test_a_second_one_acts_at_once():
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.received is signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_given_back_after_an_error():
    before = [signal.getsignal(each) for each in CAUGHT]
    with pytest.raises(ZeroDivisionError), Interrupts():
        assert [signal.getsignal(each) for each in CAUGHT] != before
        raise ZeroDivisionError
    assert [signal.getsignal(each) for each in CAUGHT] == before


def test_outside_the_main_thread_nothing_is_caught():
    """Python sets handlers only in the main thread; a notebook's worker can train all the same."""
    found = []

    def work():
        with Interrupts() as interrupts:
            found.append((interrupts.received, [signal.getsignal(each) for each in CAUGHT]))

    before = [signal.getsignal(each) for each in CAUGHT]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, before)]
