"""The flag that cures the CPU compiler: added once, never over a user's own, never silently too late."""

import os
import subprocess
import sys
import warnings

import pytest

import jaxcnn
from jaxcnn import xla_flags

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
