"""`--distributed`: several processes, on one host or many, as one run.

What they say to each other beside JAX's own collectives goes through the coordination service that process 0 hosts.
JAX has no public way to its key–value store; Orbax uses the same private one.
"""

import contextlib
import ctypes
import functools
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import jax
from jax._src import distributed

from jaxcnn import ending
from jaxcnn.errors import DataMissingError, JaxcnnError, RunStoppedError, UsageError

Result = TypeVar("Result")

VARIABLES: tuple[str, ...] = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
JOIN_SECONDS = 300  # how long a process waits for the others at the start
HEARTBEAT_SECONDS = 30  # a process that says nothing for so long is lost, and the others stop
TOGETHER_SECONDS = 10  # how far apart the same error may end the processes
LEAVE_SECONDS = 60  # how long a process waits for the others at the end
MEET_SECONDS = 3600  # how much longer one process may compile than another
POLL_MILLISECONDS = 60_000
SHARED_ERRORS = {error.__name__: error for error in (UsageError, DataMissingError, RunStoppedError, JaxcnnError)}
# How the errors of a collective operation begin to tell of a lost process: CPU's, NVIDIA's, and JAX's own.
LOST = ("Gloo", "NCCL", "coordination service", "CoordinationService", "heartbeat", "arrier timed out")

_turns, _meetings, _gatherings = (itertools.count() for _ in range(3))  # the same numbers in every process
_kept: list[Any] = []  # what C holds pointers to


def settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """What `jax.distributed.initialize` is told: the three variables, or nothing where a cluster is found by itself.

    Raises:
      UsageError: some of the variables are missing, or are no numbers.
    """
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    if not given:
        return {}
    missing = [name for name in VARIABLES if name not in given]
    if missing:
        raise UsageError(
            f"--distributed: {' and '.join(given)} without {' and '.join(missing)}; set all three or none."
        )
    address, count, index = given.values()
    if not address.rpartition(":")[0] or not address.rpartition(":")[2].isdigit():
        raise UsageError(f"JAX_COORDINATOR_ADDRESS (={address}) must be host:port, of process 0.")
    if not (count.isdigit() and index.isdigit() and int(index) < int(count)):
        raise UsageError(
            f"JAX_PROCESS_ID (={index}) must be from 0 to one less than JAX_NUM_PROCESSES (={count}), "
            "another one in each process."
        )
    return {
        "coordinator_address": address,
        "num_processes": int(count),
        "process_id": int(index),
        "cluster_detection_method": "deactivate",
    }


def connect() -> None:
    """Makes this process one of several. Comes before the first touch of a device.

    Raises:
      UsageError: neither a cluster nor the variables say who this process is.
      JaxcnnError: the others didn't come.
    """
    known = settings(os.environ)
    _survive_aborts()
    _keep_standard_output()
    try:
        jax.distributed.initialize(
            **known,
            initialization_timeout=JOIN_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=LEAVE_SECONDS,
        )
    except ValueError as error:
        raise UsageError(
            f"--distributed found no SLURM, Open MPI, Kubernetes or TPU cluster; set {', '.join(VARIABLES)}. ({error})"
        ) from error
    except jax.errors.JaxRuntimeError as error:
        raise JaxcnnError(f"--distributed: the processes didn't find each other: {_first_line(error)}") from error
    if signal.getsignal(signal.SIGINT) is ending.end:
        ending.watch(False)
        signal.signal(signal.SIGINT, _pass_on)


def _pass_on(number: int, frame: object) -> None:
    """Ctrl-C before the first step: as JAX's SIGTERM it ends all of them after that step; a second one acts at once."""
    del frame
    signal.signal(number, ending.end)
    ending.watch(True)
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_standard_output() -> None:
    """Sends what C libraries print (Gloo its connections) to standard error; Python's output stays where it was."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(kept, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, buffering=1)


def connected() -> bool:
    return jax.distributed.is_initialized()


def is_first() -> bool:
    """Whether this is the process that writes the logs, the summary and the screen."""
    return not connected() or jax.process_index() == 0


def in_turn(action: Callable[[], Result]) -> Result:
    """`action()` in process 0, then in all others at once, so that these find what it made.

    Raises:
      JaxcnnError: whatever the action raised in process 0, in every process.
    """
    if not connected() or jax.process_count() == 1:
        return action()
    client, key = distributed.global_state.client, f"jaxcnn/turn/{next(_turns)}"
    assert client is not None
    if jax.process_index() == 0:
        try:
            result = action()
        except Exception as error:
            client.key_value_set(key, json.dumps([type(error).__name__, _first_line(error)]))
            raise
        client.key_value_set(key, "done")
        return result
    while True:
        try:
            told = client.blocking_key_value_get(key, POLL_MILLISECONDS)
            break
        except jax.errors.JaxRuntimeError as error:  # process 0 may be preparing a data set for hours
            if "DEADLINE_EXCEEDED" not in str(error):
                raise
    if told != "done":
        name, message = json.loads(told)
        raise SHARED_ERRORS.get(name, JaxcnnError)(message)
    return action()


def gathered(mine: list[Any]) -> list[Any]:
    """What all processes bring, in their order; values are JSON's. Every process has to call it equally often."""
    if not connected() or jax.process_count() == 1:
        return mine
    client, number, index = distributed.global_state.client, next(_gatherings), jax.process_index()
    assert client is not None
    client.key_value_set(f"jaxcnn/gathering/{number}/{index}", json.dumps(mine))
    keys = [f"jaxcnn/gathering/{number}/{each}" for each in range(jax.process_count())]
    found = [json.loads(client.blocking_key_value_get(key, 1000 * MEET_SECONDS)) for key in keys]
    if number:  # all have come here, so all have read what was brought before
        client.key_value_delete(f"jaxcnn/gathering/{number - 1}/{index}")
    return [item for items in found for item in items]


def meet() -> None:
    """Waits for all processes: the first operation over all of them gives up on those that come 30 s late (Gloo)."""
    if connected() and jax.process_count() > 1:
        client = distributed.global_state.client
        assert client is not None
        client.wait_at_barrier(f"jaxcnn/meeting/{next(_meetings)}", 1000 * MEET_SECONDS)


class LostProcessError(JaxcnnError):
    """Another process of the run went away."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"process {jax.process_index()} of {jax.process_count()} stops, as another one is gone or doesn't answer: "
            f"{why}. Start all of them again with the same command: the run goes on from its newest checkpoint."
        )


class Closable(Protocol):
    def close(self) -> None: ...


@contextlib.contextmanager
def closing(thing: Closable) -> Iterator[None]:
    """Closes `thing` in the end, unless that would wait for a lost process.

    Raises:
      LostProcessError: for the errors of a collective operation whose other side went away.
    """
    try:
        yield
    except BaseException as error:
        if connected() and not isinstance(error, JaxcnnError) and any(word in str(error) for word in LOST):
            raise LostProcessError(_first_line(error)) from error
        if all_end():
            thing.close()
        raise
    thing.close()


@functools.cache
def all_end() -> bool:
    """Whether the other processes end, too: asked by one that an error ends, which may be its own alone."""
    if not connected():
        return True
    client, count = distributed.global_state.client, jax.process_count()
    assert client is not None
    deadline = time.monotonic() + TOGETHER_SECONDS
    try:
        client.key_value_set(f"jaxcnn/ends/{jax.process_index()}", "")
        for index in range(count):
            left = max(deadline - time.monotonic(), 0.001)
            client.blocking_key_value_get(f"jaxcnn/ends/{index}", int(1000 * left))
    except jax.errors.JaxRuntimeError:
        return False
    return True


def leave(status: int, *, wait: bool = True) -> int:
    """Ends this process's part in the run with this exit status, after it has waited for the others.

    It doesn't wait for those that don't know of an error here: they'd wait for this process. They miss it soon.
    It only comes back with status 0: threads that still wait for a lost process would keep Python from ending.
    """
    if not connected():
        return status
    if wait and (status == 0 or all_end()):
        _survive_aborts(status or 1)
        try:
            jax.distributed.shutdown()  # waits for the others, but no more than LEAVE_SECONDS
        except Exception as error:
            print(f"launch.py: {LostProcessError(_first_line(error))}", file=sys.stderr)
            status = status or 1
    if status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _survive_aborts(status: int = 1) -> None:
    """Makes `abort` end the process with this exit status and a line that says what to do.

    JAX's client aborts as soon as process 0 is gone or any process is said to be dead, from a thread of its own. Its
    callback for that can't be used from Python (jaxlib 0.10.2 throws std::bad_cast), and Python's handlers of signals
    only run in the main thread, which may be waiting for the lost process; so the handler is set through C.
    """

    def end(number: int) -> None:
        del number
        told = "JAX's runtime gave up, as it says above"
        os.write(2, f"launch.py: {LostProcessError(told) if connected() else told}\n".encode())
        os._exit(status)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    _kept.append(handler)
    ctypes.CDLL(None).signal(int(signal.SIGABRT), handler)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
