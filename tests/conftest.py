"""Tests run strictly, and alike everywhere.

Warnings are errors (pyproject.toml), JAX promotes nothing silently, and there are eight simulated CPU devices. No test
sees the user's home, data or settings, nor reads or writes the folder that pytest was started in.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping

# What tests, and the processes that they start, see of the environment. Everything else (settings of JAX, XLA, Python,
# the allocator, the terminal, the locale, a cluster, Git) would make a result depend on the shell.
KEPT = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", "USER", "LOGNAME", "CI", "PY_COLORS", "JAXCNN_TEST_DATA"}
KEPT_PREFIXES = ("PYTEST_", "COVERAGE_", "COV_CORE_")
DEVICES = 8


def neutral(environment: Mapping[str, str], home: str) -> dict[str, str]:
    """The environment of the tests.

    Args:
      environment: the user's. Its `JAXCNN_TEST_XLA_FLAGS` are handed to XLA, to test with other compiler flags.
      home: an empty folder that stands for the user's home.
    """
    flags = (environment.get("JAXCNN_TEST_XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={DEVICES}")
    return {name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)} | {
        "HOME": home,
        "JAX_PLATFORMS": "cpu",
        "JAXCNN_TEST_XLA_FLAGS": flags[0],  # for pytest-xdist's workers, which do this again
        "XLA_FLAGS": " ".join(flags).strip(),  # where a flag is given twice, the last one counts
    }


# Before the imports below, as they read it.
HOME = tempfile.mkdtemp(prefix="jaxcnn-tests-home-")
ENVIRONMENT = neutral(os.environ, HOME)
os.environ.clear()
os.environ.update(ENVIRONMENT)

import jax  # noqa: E402  (after the environment that it reads)
import jaxtyping  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from signature_checks import CHECKED  # noqa: E402

# Arrays' shapes and types are checked against the signatures, in the tests' own process alone. The hook decorates what
# is imported after it.
jaxtyping.install_import_hook(CHECKED, "signature_checks.check")

import jaxcnn  # noqa: E402, F401  (sets its own flag, before the first device is touched)
from jaxcnn.models.kernels import winograd  # noqa: E402

# Optimising machine code was most of the suite's time. Processes that tests start compile as users' do, and so do tests
# that ask for `optimised`.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# A busy machine is no failure; and neither a checkout that can't be written to nor an earlier run's examples matter.
settings.register_profile("patient", deadline=None, database=None)
settings.load_profile("patient")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache of compiled programs for the session, so that equal steps are compiled once; and a current folder."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    with pytest.MonkeyPatch.context() as patch:  # for the fixtures of a module; each test has a folder of its own
        patch.chdir(tmp_path_factory.mktemp("current"))
        yield


@pytest.fixture
def optimised():
    """Machine code as users get it."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def unchecked_signatures() -> Iterator[None]:
    """Calls as users make them, for tests of the messages with which layers refuse an array."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def plain_convolutions():
    """3×3 convolutions in `jax.lax`'s form, for tests of what surrounds a network: it compiles faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "FEW_MAPS", 10**9)
        yield


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's data, cache or current folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tensorflow_datasets"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.jax_compilation_cache_dir))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def usual_handlers():
    """Signals as in a shell's foreground, however the tests were started: `nohup` ignores SIGHUP, and `&` SIGINT."""
    usual = dict.fromkeys((signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM), signal.SIG_DFL)
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
