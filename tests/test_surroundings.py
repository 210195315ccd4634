"""What a command sets up before its job, and what it leaves to the user."""

import jax
import pytest

from jaxcnn.surroundings import make_ready

LIMIT = "jax_persistent_cache_min_compile_time_secs"


@pytest.fixture
def settings(monkeypatch):
    """JAX's, put back afterwards."""
    before = {name: getattr(jax.config, name) for name in (LIMIT, "jax_compilation_cache_dir")}
    for name in before:
        monkeypatch.delenv(name.upper(), raising=False)
    jax.config.update(LIMIT, 1.0)
    yield monkeypatch
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_of_a_small_network_are_cached_in_the_users_cache(settings, tmp_path):
    settings.setenv("XDG_CACHE_HOME", str(tmp_path))
    make_ready()
    assert getattr(jax.config, LIMIT) == 0.2
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "jaxcnn" / "compiled")


def test_the_users_own_cache_stays(settings, tmp_path):
    settings.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "own"))
    settings.setenv(LIMIT.upper(), "1.0")
    before = jax.config.jax_compilation_cache_dir
    make_ready()
    assert getattr(jax.config, LIMIT) == 1.0 and jax.config.jax_compilation_cache_dir == before
