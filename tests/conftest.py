"""Tests run strictly: warnings are errors (pyproject.toml), no silent promotion, eight simulated CPU devices."""

import os

DEVICES = 8
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}".strip()
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402  (after the flags that it reads)
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import jaxcnn  # noqa: E402, F401  (sets its own flag, before the first device is touched)
from jaxcnn.models.forms import winograd  # noqa: E402

# Optimising machine code was most of the suite's time. Processes that tests start compile as users' do, and so do tests
# that ask for `optimised`.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cache of compiled programs for the session, so that equal steps are compiled once."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(folder))


@pytest.fixture
def optimised():
    """Machine code as users get it."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


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
