"""The flags that cure the CPU compiler and make simulated devices patient: added once, never over a user's own."""

import os
import signal
import subprocess
import sys
import warnings

import pytest

import jaxcnn
from jaxcnn.runtime import xla_flags

NAME = xla_flags.CURE.split("=")[0]


@pytest.fixture(params=["0.10.2", "0.11.0", "0.12.0.1"])
def affected(monkeypatch, request):
    monkeypatch.setattr(xla_flags.importlib.metadata, "version", lambda package: {"jaxlib": request.param}[package])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, xla_flags.CURE),
        ("", xla_flags.CURE),
        ("--xla_foo=1 --xla_bar", f"--xla_foo=1 --xla_bar {xla_flags.CURE}"),
        (f"{NAME}=DOT --xla_foo=1", f"{NAME}=DOT --xla_foo=1"),
        (xla_flags.CURE, xla_flags.CURE),
    ],
)
def test_the_cure_is_added_beside_what_the_user_set(affected, monkeypatch, before, after):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if before is not None:
        monkeypatch.setenv("XLA_FLAGS", before)
    xla_flags.apply(too_late=False)
    xla_flags.apply(too_late=False)
    assert os.environ["XLA_FLAGS"] == after


@pytest.mark.parametrize("version", ["0.9.0", "0.10.1", "0.10.20", "0.11.20", "0.13.0"])
@pytest.mark.parametrize("too_late", [False, True])
def test_other_versions_are_left_alone(monkeypatch, version, too_late):
    monkeypatch.setattr(xla_flags.importlib.metadata, "version", lambda package: version)
    monkeypatch.setenv("XLA_FLAGS", "--xla_foo")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xla_flags.apply(too_late=too_late)
    assert os.environ["XLA_FLAGS"] == "--xla_foo"


def test_simulated_devices_wait_for_one_another(affected, monkeypatch):
    set_by_the_user = f"{xla_flags.SIMULATED}=8 {xla_flags.PATIENCE[0].split('=')[0]}=7"
    monkeypatch.setenv("XLA_FLAGS", set_by_the_user)
    xla_flags.apply(too_late=False)
    xla_flags.apply(too_late=False)
    assert os.environ["XLA_FLAGS"] == f"{set_by_the_user} {xla_flags.PATIENCE[1]} {xla_flags.CURE}"


def test_devices_that_jax_was_told_to_simulate_wait_too(affected, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "8")
    xla_flags.apply(too_late=False)
    assert os.environ["XLA_FLAGS"] == " ".join((*xla_flags.PATIENCE, xla_flags.CURE))


@pytest.mark.parametrize("patient", [False, True])
def test_xla_knows_these_flags_and_aborts_at_its_limits(patient):
    """Device 1 comes to the sum three seconds late: with limits of one second, that ends the process."""
    if xla_flags.importlib.metadata.version("jaxlib") not in xla_flags.PATIENT:
        pytest.skip("another jaxlib is left alone")
    code = (
        "import time, jaxcnn, jax, numpy as np\n"
        "def late(x):\n    time.sleep(3.0 * bool(x)); return np.float32(x)\n"
        "shape = jax.ShapeDtypeStruct((), np.float32)\n"
        "step = jax.pmap(lambda x: jax.lax.psum(jax.pure_callback(late, shape, x), 'i'), axis_name='i')\n"
        "print(step(np.arange(2, dtype=np.float32))[0])"
    )
    short = () if patient else tuple(f"{flag.split('=')[0]}=1" for flag in xla_flags.PATIENCE)
    flags = " ".join((f"{xla_flags.SIMULATED}=2", *short))
    root = os.path.dirname(os.path.dirname(jaxcnn.__file__))
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    if patient:
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["1.0"], "")
    else:
        assert done.returncode == -signal.SIGABRT, done.stderr
        assert "Termination timeout" in done.stderr


def test_too_late_is_said(affected, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_foo")
    with pytest.warns(UserWarning, match="imported after the first use of a device.*Import jaxcnn first"):
        xla_flags.apply(too_late=True)
    assert os.environ["XLA_FLAGS"] == "--xla_foo"  # a flag that nobody reads any more would only mislead


def test_too_late_does_not_matter_to_who_has_set_the_flag(affected, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"{NAME}=DOT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xla_flags.apply(too_late=True)


def test_importing_jaxcnn_sets_it_before_and_warns_after_a_device_is_touched():
    code = (
        "import os, jax, warnings\n"
        "warnings.simplefilter('error')\n"
        "{first}\n"
        "try:\n    import jaxcnn\n"
        "except UserWarning:\n    print('warned')\n"
        f"print('{NAME}' in os.environ.get('XLA_FLAGS', ''))"
    )
    root = os.path.dirname(os.path.dirname(jaxcnn.__file__))
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"} | {"PYTHONPATH": root}

    def printed(first: str) -> list[str]:
        command = [sys.executable, "-c", code.format(first=first)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout.split()

    concerned = xla_flags.importlib.metadata.version("jaxlib") in xla_flags.AFFECTED
    assert printed("pass") == (["True"] if concerned else ["False"])
    if concerned:
        assert printed("jax.devices()")[0] == "warned"


def test_the_warning_points_to_who_imports_jaxcnn():
    if xla_flags.importlib.metadata.version("jaxlib") not in xla_flags.AFFECTED:
        pytest.skip("this jaxlib needs no cure")
    code = (
        "import jax, warnings\n"
        "jax.devices()\n"
        "with warnings.catch_warnings(record=True) as caught:\n    warnings.simplefilter('always')\n    import jaxcnn\n"
        "print(*(warning.filename for warning in caught))"
    )
    root = os.path.dirname(os.path.dirname(jaxcnn.__file__))
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"} | {"PYTHONPATH": root}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["<string>"]
