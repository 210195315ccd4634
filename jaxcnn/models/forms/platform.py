"""Which platform a program is being traced for."""

import jax


def on_cpu() -> bool:
    """Whether the default devices are CPUs. Only the form of a program depends on it, never what it computes.

    Asked while a function is traced. A program traced beside a GPU and placed on the host by hand gets the plain
    form, which is slower there, and right.
    """
    return jax.default_backend() == "cpu"
