"""`--distributed`: several processes, on one host or many, as one run; how they connect and how they end.

They use the key–value store of the coordination service that process 0 hosts.
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
HEARTBEAT_SECONDS = 30  # a process without a heartbeat for this long is lost, and the others stop
TOGETHER_SECONDS = 10  # how far apart in time the same error may end the processes
LEAVE_SECONDS = 60  # how long a process waits for the others at the end
# Words in the errors of collective operations after the loss of a process: on CPU, on NVIDIA GPUs, and in JAX itself.
LOST = ("Gloo", "NCCL", "coordination service", "CoordinationService", "heartbeat", "arrier timed out")

_kept: list[Any] = []  # objects that C code has pointers to


def settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for `jax.distributed.initialize` from the three variables; none if JAX shall detect a cluster.

    Raises:
      UsageError: some of the variables are missing or invalid.
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
            "and different in each process."
        )
    return {
        "coordinator_address": address,
        "num_processes": int(count),
        "process_id": int(index),
        "cluster_detection_method": "deactivate",
    }


def connect() -> None:
    """Connects this process with the others. Must be called before the first use of a device.

    Raises:
      UsageError: neither a cluster nor the variables identify this process.
      JaxcnnError: the processes couldn't connect.
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
    """Forwards a signal before the first step as SIGTERM, with which JAX ends all processes after that step.

    A second SIGINT or SIGTERM acts at once; repetitions of other signals are ignored.
    """
    del frame
    if number in signals.INSISTENT:
        signal.signal(number, signals.end)
        signals.watch(True)
    else:
        signal.signal(number, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_standard_output() -> None:
    """Redirects the output of C libraries, such as Gloo, to standard error; Python's output is not affected."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(kept, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, buffering=1)


def connected() -> bool:
    """Whether this process is one of several, or the only one of a distributed run."""
    return jax.distributed.is_initialized()


def is_first() -> bool:
    """Whether this is the process that writes the logs, the summary and the screen."""
    return not connected() or jax.process_index() == 0


class LostProcessError(JaxcnnError):
    """Another process of the run ended or doesn't answer."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"process {jax.process_index()} of {jax.process_count()} stops, as another one is gone or doesn't answer: "
            f"{why}. Start all of them again with the same command: the run goes on from its newest checkpoint."
        )


class Closable(Protocol):
    def close(self) -> None: ...


@contextlib.contextmanager
def closing(thing: Closable) -> Iterator[None]:
    """Closes `thing` at the end, unless that would wait for a lost process.

    Raises:
      LostProcessError: in place of an error of a collective operation that lost a process.
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
    """Whether the other processes are ending too; called by a process that ends by an error, perhaps its own alone."""
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
    """Leaves the run with an exit status, after waiting for the other processes.

    After an error in this process alone it doesn't wait, because the others would wait for this process; they detect
    the loss at the next heartbeat. It returns only with status 0; otherwise it ends the process, because threads that
    wait for a lost process would keep Python from ending.

    Args:
      status: the exit status.
      wait: whether to wait for the other processes.
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
    """Makes `abort` end the process with this exit status and a one-line message.

    JAX's client aborts from its own thread when it loses process 0 or learns of a dead process. Its callback can't be
    used from Python (jaxlib 0.10.2 throws std::bad_cast), and Python's signal handlers run only in the main thread,
    which may be waiting for the lost process. The handler is therefore set through C.
    """

    def end(number: int) -> None:
        del number
        reason = "JAX's runtime gave up, as it says above"
        os.write(2, f"{program.name()}: {LostProcessError(reason) if connected() else reason}\n".encode())
        os._exit(status)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    _kept.append(handler)
    ctypes.CDLL(None).signal(int(signal.SIGABRT), handler)
