"""`--distributed`: several processes, on one host or many, as one run: how they come together, and how they part.

They part by the coordination service that process 0 hosts.
"""

import contextlib
import ctypes
import functools
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import jax

from jaxcnn.errors import JaxcnnError, UsageError, first_line
from jaxcnn.runtime import program, signals, standard_streams
from jaxcnn.runtime.private_jax import coordination_client

VARIABLES: tuple[str, ...] = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
JOIN_SECONDS = 300  # how long a process waits for the others at the start
HEARTBEAT_SECONDS = 30  # a process that says nothing for so long is lost, and the others stop
TOGETHER_SECONDS = 10  # how far apart the same error may end the processes
LEAVE_SECONDS = 60  # how long a process waits for the others at the end
# How the errors of a collective operation begin to tell of a lost process: CPU's, NVIDIA's, and JAX's own.
LOST = ("Gloo", "NCCL", "coordination service", "CoordinationService", "heartbeat", "arrier timed out")

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
        raise JaxcnnError(f"--distributed: the processes didn't find each other: {first_line(error)}") from error
    for number in signals.caught():
        if number != signal.SIGTERM and signal.getsignal(number) is signals.end:
            signals.watch(False)
            signal.signal(number, _pass_on)


def _pass_on(number: int, frame: object) -> None:
    """A signal before the first step: as JAX's SIGTERM it ends all of them after that step.

    A second Ctrl-C acts at once; a second signal of a machine changes nothing.
    """
    del frame
    if number in signals.INSISTENT:
        signal.signal(number, signals.end)
        signals.watch(True)
    else:
        signal.signal(number, signal.SIG_IGN)
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
            raise LostProcessError(first_line(error)) from error
        if all_end():
            thing.close()
        raise
    thing.close()


@functools.cache
def all_end() -> bool:
    """Whether the other processes end, too: asked by one that an error ends, which may be its own alone."""
    if not connected():
        return True
    client, count = coordination_client(), jax.process_count()
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
            standard_streams.say(f"{program.name()}: {LostProcessError(first_line(error))}")
            status = status or 1
    if status:
        standard_streams.settle()
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
        os.write(2, f"{program.name()}: {LostProcessError(told) if connected() else told}\n".encode())
        os._exit(status)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    _kept.append(handler)
    ctypes.CDLL(None).signal(int(signal.SIGABRT), handler)
