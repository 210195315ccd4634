"""Communication between the processes of a run through JAX's coordination service, besides JAX's own collectives.

With one process, these functions communicate nothing.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from jaxcnn.errors import DataMissingError, JaxcnnError, RunStoppedError, UsageError, first_line
from jaxcnn.parallel.processes import connected
from jaxcnn.runtime.private_jax import coordination_client

Result = TypeVar("Result")

MEET_SECONDS = 3600  # how long processes wait for each other, for example while one still compiles
POLL_MILLISECONDS = 60_000
SHARED_ERRORS = {error.__name__: error for error in (UsageError, DataMissingError, RunStoppedError, JaxcnnError)}

_turns, _meetings, _gatherings = (itertools.count() for _ in range(3))  # the same numbers in every process


def in_turn(action: Callable[[], Result]) -> Result:
    """Runs `action()` in process 0 first, then in all others at once, so that they find its results.

    Raises:
      JaxcnnError: in every process, if the action raises in process 0.
    """
    if not connected() or jax.process_count() == 1:
        return action()
    client, key = coordination_client(), f"jaxcnn/turn/{next(_turns)}"
    if jax.process_index() == 0:
        try:
            result = action()
        except Exception as error:
            client.key_value_set(key, json.dumps([type(error).__name__, first_line(error)]))
            raise
        client.key_value_set(key, "done")
        return result
    while True:
        try:
            outcome = client.blocking_key_value_get(key, POLL_MILLISECONDS)
            break
        except jax.errors.JaxRuntimeError as error:  # process 0 may be preparing a data set for hours
            if "DEADLINE_EXCEEDED" not in str(error):
                raise
    if outcome != "done":
        name, message = json.loads(outcome)
        raise SHARED_ERRORS.get(name, JaxcnnError)(message)
    return action()


def gathered(mine: list[Any]) -> list[Any]:
    """Concatenates the lists of all processes in their order. Items must be JSON types; every process must call it."""
    if not connected() or jax.process_count() == 1:
        return mine
    client, number, index = coordination_client(), next(_gatherings), jax.process_index()
    client.key_value_set(f"jaxcnn/gathering/{number}/{index}", json.dumps(mine))
    keys = [f"jaxcnn/gathering/{number}/{each}" for each in range(jax.process_count())]
    found = [json.loads(client.blocking_key_value_get(key, 1000 * MEET_SECONDS)) for key in keys]
    if number:  # every process has reached this call, so all have read the previous values
        client.key_value_delete(f"jaxcnn/gathering/{number - 1}/{index}")
    return [item for items in found for item in items]


def meet() -> None:
    """Waits for all processes, because Gloo's first collective operation fails if one is more than 30 s late."""
    if connected() and jax.process_count() > 1:
        coordination_client().wait_at_barrier(f"jaxcnn/meeting/{next(_meetings)}", 1000 * MEET_SECONDS)
