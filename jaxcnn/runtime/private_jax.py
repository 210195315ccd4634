"""The private parts of JAX that this project uses, all in one file.

JAX promises nothing about `jax._src`: each function says what to watch for on an upgrade. JAX is imported by the
functions, because `jaxcnn` sets a compiler flag before JAX is there.
"""

import sys
from typing import Any


def backends_are_initialized() -> bool:
    """Whether this process has touched a device; without JAX it hasn't.

    On an upgrade: `xla_bridge` may move, and a public function may take its place (there is none in JAX 0.10).
    """
    if "jax" not in sys.modules:
        return False
    from jax._src import xla_bridge

    return xla_bridge.backends_are_initialized()


def coordination_client() -> Any:
    """The client of the coordination service that `jax.distributed.initialize` has connected this process to.

    On an upgrade: `global_state` may move, or the client's methods change; Orbax uses them too, so look there.
    """
    from jax._src import distributed

    client = distributed.global_state.client
    assert client is not None, "jax.distributed.initialize hasn't been called"
    return client
