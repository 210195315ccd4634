"""Names that checkpoints can't have, as Orbax and TensorStore take UTF-8 alone."""

import os
from pathlib import Path

import pytest

from jaxcnn.errors import UsageError
from jaxcnn.runs.disk_errors import require_utf8
from jaxcnn.runs.folder import claim_workdir


def test_a_name_in_another_encoding_is_refused_before_anything_is_written(tmp_path):
    """Orbax would end in many tracebacks."""
    named_in_latin_1 = tmp_path / os.fsdecode("é".encode("latin-1"))
    with pytest.raises(UsageError, match=r"isn't UTF-8 .*set PYTHONUTF8=1, or choose another --workdir"):
        claim_workdir(named_in_latin_1, {})
    assert list(tmp_path.iterdir()) == []


def test_a_locale_of_another_encoding_is_no_matter_for_names_that_are_the_same_in_both(monkeypatch):
    """Where they aren't, TensorStore would write beside the run's folder."""
    require_utf8(Path("한글"))
    monkeypatch.setattr(os, "fsencode", lambda path: path.encode("latin-1"))
    require_utf8(Path("/run"))
    for name in ("/é", "/한글"):
        with pytest.raises(UsageError, match="isn't UTF-8"):
            require_utf8(Path(name))
