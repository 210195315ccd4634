"""Which kernels a program takes, decided while it is traced by the devices that it is compiled for.

Whoever compiles a program says for which devices, by `compiled_for`. Only the form of the program depends on it: what
it computes is the same up to rounding.
"""

import contextlib
from typing import Literal, NamedTuple, get_args

import jax

Kernel = Literal[
    "average_pool",
    "batch_norm",
    "dense",
    "im2col",
    "max_pool",
    "padded_matmul",
    "patches",
    "pointwise",
    "reductions",
    "relu",
    "response_norm",
    "row_blocked",
    "winograd",
]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)


class Target(NamedTuple):
    """The devices that a program is compiled for."""

    platform: str  # as in `jax.Device.platform`
    devices: int  # over how many the program is divided


# JAX's caches have user contexts in their keys: what was traced in one is not taken for another.
_target = jax.make_user_context(default_value=None)
_disabled = jax.make_user_context(default_value=frozenset())


def compiled_for(platform: str, devices: int) -> contextlib.AbstractContextManager:
    """Programs traced within it take the kernels for so many devices of this platform."""
    return _target(Target(platform, devices))


def target() -> Target:
    """What the program being traced is compiled for.

    Without `compiled_for`: the platform of JAX's default device, and the devices of the mesh that `jax.set_mesh` has
    set, or else one.
    """
    if _target.value is not None:
        return _target.value
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    platform = jax.default_backend() if device is None else getattr(device, "platform", device)
    return Target(platform, max(jax.sharding.get_abstract_mesh().size, 1))  # without a mesh it is 0


def use_kernel(name: Kernel) -> bool:
    """Whether the program being traced takes this kernel: on CPU, unless it is disabled."""
    return name not in _disabled.value and target().platform == "cpu"


def single_device() -> bool:
    """Whether the program being traced runs on one device, so that no sum over a batch is one over devices."""
    return target().devices == 1


def without_kernels(*names: Kernel) -> contextlib.AbstractContextManager:
    """Programs traced within it don't take these kernels: for measuring what they gain."""
    return _disabled(_disabled.value | set(names))


def reference_kernels() -> contextlib.AbstractContextManager:
    """Programs traced within it take no kernel at all: for counting what a network computes, and for its shapes."""
    return without_kernels(*KERNELS)
