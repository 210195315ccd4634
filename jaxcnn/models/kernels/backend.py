"""Which platform a program is being traced for."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import jax

_plain: ContextVar[bool] = ContextVar("plain", default=False)


def on_cpu() -> bool:
    """Whether the default devices are CPUs. Only the form of a program depends on it, never what it computes.

    Asked while a function is traced. A program traced beside a GPU and placed on the host by hand gets the plain
    form, which is slower there, and right.
    """
    return not _plain.get() and jax.default_backend() == "cpu"


def single_device() -> bool:
    """Whether there is one device, so that no sum over a batch is one over devices. Asked while tracing."""
    return jax.device_count() == 1


@contextlib.contextmanager
def reference_kernels() -> Iterator[None]:
    """What is traced within has the forms of other platforms, also on CPU: for counting what a network computes."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)
