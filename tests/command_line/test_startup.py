"""What a command sets up before its job, and what it leaves to the user."""

import jax
import pytest

from jaxcnn.cli.startup import make_ready

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


@pytest.mark.parametrize("parent", ["a file", "nowhere, relative"])
def test_where_nothing_can_be_written_programs_are_not_cached_and_one_line_says_so(settings, tmp_path, capsys, parent):
    """A home that is read-only or unknown: JAX would warn at each program."""
    (tmp_path / "a file").touch()
    settings.setenv("XDG_CACHE_HOME", str(tmp_path / parent) if parent == "a file" else parent)
    before = jax.config.jax_compilation_cache_dir
    make_ready()
    assert jax.config.jax_compilation_cache_dir == before and not (tmp_path / parent).is_dir()
    notice = capsys.readouterr().err
    assert notice.startswith("note: can't keep compiled programs in ") and notice.count("\n") == 1
    assert "set XDG_CACHE_HOME" in notice


def test_a_home_that_nobody_knows_is_no_folder_of_that_name(settings, tmp_path, capsys):
    settings.delenv("XDG_CACHE_HOME", raising=False)
    settings.setattr("os.path.expanduser", lambda path: path)  # as where the user has neither $HOME nor an entry
    make_ready()
    assert not (tmp_path / "~").exists() and "~/.cache/jaxcnn/compiled: not an absolute path" in capsys.readouterr().err
