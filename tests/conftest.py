"""Tests run strictly: warnings are errors (pyproject.toml), no silent promotion, eight simulated CPU devices."""

import os

DEVICES = 8
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}".strip()
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402  (after the flags that it reads)
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import jaxcnn  # noqa: E402, F401  (sets its own flag, before the first device is touched)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cache of compiled programs for the session, so that equal steps are compiled once."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(folder))


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's data, cache or current folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tensorflow_datasets"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.jax_compilation_cache_dir))
    monkeypatch.chdir(tmp_path)
