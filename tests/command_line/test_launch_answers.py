"""Each command's answer: a table, or with --json one document and nothing else on standard output."""

import dataclasses
import gzip
import hashlib
import io
import json
import math
import shlex
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from evaluation_answers import errors_of

import jaxcnn
from jaxcnn.analysis import describe as description
from jaxcnn.cli.command_table import COMMANDS
from jaxcnn.cli.main import main, parse
from jaxcnn.data import datasets


@pytest.fixture
def small_archives(tmp_path, monkeypatch):
    """MNIST's four files with one image each."""
    entry = datasets.data_set("mnist")
    archives = []
    for archive in entry.archives:
        images = "images" in archive.file_name
        shape = (1, 28, 28) if images else (1,)
        raw = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(math.prod(shape))
        (tmp_path / archive.file_name).write_bytes(gzip.compress(raw))
        archives.append(dataclasses.replace(archive, content_sha256=hashlib.sha256(raw).hexdigest()))
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", dataclasses.replace(entry, archives=tuple(archives)))
    return tmp_path


def test_list(answered, call, monkeypatch):
    count = description.layer_table
    counted = {"lenet5_1998:paper", "alexnet_2012:paper"}  # the golden table has all of them

    def count_some(experiment):
        return count(experiment) if experiment.id in counted else SimpleNamespace(total_params=1)

    monkeypatch.setattr(description, "layer_table", count_some)
    entries = answered("--list")
    for entry in entries:
        assert entry.keys() == {"experiment", "variant", "paper", "data", "input_shape", "total_params"}
    shown = [f"{entry['experiment']}:{entry['variant']}" for entry in entries]
    assert shown == [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]
    counts = {title: entry["total_params"] for title, entry in zip(shown, entries, strict=True)}
    assert counts["lenet5_1998:paper"] == 60_000 and counts["alexnet_2012:paper"] == 60_965_224
    one_tower = entries[shown.index("alexnet_2012:one_tower")]
    assert (one_tower["paper"], one_tower["input_shape"]) == ("Krizhevsky, 2014", [224, 224, 3])
    assert entries[shown.index("cnn_primer:paper")]["data"] == "fashion_mnist"
    status, table, _ = call("--list")
    assert status == 0 and "60,965,224" in table and "227×227×3" in table and "lenet5_1998" in table


@pytest.mark.parametrize("title", ["lenet5_1998", "alexnet_2012:caffenet"])
def test_describe(answered, call, title):
    found = answered("describe", f"--exp={title}")
    promised = {"experiment", "variant", "input_shape", "layers", "total_params", "total_macs", "auxiliary_params"}
    assert promised | {"paper", "contradictions"} <= found.keys()
    assert found["experiment"] == title.split(":")[0]
    for layer in found["layers"]:
        assert {"name", "kind", "output_shape", "params", "macs", "receptive_field"} <= layer.keys()
    assert sum(layer["params"] for layer in found["layers"]) == found["total_params"]
    assert {"title", "authors", "year", "venue", "results", "claims"} <= found["paper"].keys()
    assert found["total_connections"] == (340_908 if title == "lenet5_1998" else None)
    status, table, _ = call("describe", f"--exp={title}")
    assert status == 0 and f"{found['total_params']:,}" in table
    for contradiction in found["contradictions"]:
        assert contradiction.split()[0] in table


def test_describe_takes_overrides(answered):
    assert answered("describe", "--exp=alexnet_2012", "--set=model.towers=1")["total_params"] == 62_378_344


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_bench(answered, parallel, tiny):
    found = answered("bench", "--exp=cnn_primer", "--batch-size=8", "--steps=3", f"--parallel={parallel}")
    assert found.keys() == {
        *("experiment", "device_kind", "device_count", "batch_size", "precision", "compile_seconds"),
        *("step_ms_min", "step_ms_median", "images_per_second", "flops_per_step", "peak_bytes", "collectives"),
    }
    assert (found["experiment"], found["batch_size"], found["device_count"]) == ("cnn_primer:paper", 8, 8)
    assert 0 < found["step_ms_min"] <= found["step_ms_median"] and found["precision"] == "float32"
    assert set(found["collectives"]) == {"all-reduce"}


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_dry_run(answered, call, tmp_path, tiny, no_network, parallel):
    """Without the paper's data, which it doesn't try to get; and without a trace on disk."""
    found = answered("--exp=cnn_primer", "--dry-run", f"--parallel={parallel}", "--epochs=2")
    assert found.keys() == {
        *("experiment", "variant", "data", "precision", "batch_size", "accumulate", "remat", "parallel", "mesh"),
        *("devices", "parameters", "compile_seconds", "memory", "flops_per_step", "collectives", "host_transfers"),
        *("data_found", "length", "time", "disk", "warnings"),
    }
    assert (found["experiment"], found["data"], found["parameters"]) == ("cnn_primer", "fashion_mnist", 650)
    assert found["length"] == {"steps_per_epoch": 7500, "steps": 15_000} and found["devices"]["count"] == 8
    assert set(found["collectives"]) == {"all-reduce"} and "isn't there" in found["warnings"][0]
    assert not (tmp_path / "runs").exists()
    if parallel == "jit":
        status, table, notices = call("--exp=cnn_primer", "--dry-run", "--data=digits")
        assert status == 0 and "650 parameters" in table and "comes with installed packages" in table
        assert "all-reduce" in table and "compiling cnn_primer:paper for 8 × cpu" in notices


def test_doctor(answered, call):
    found = answered("doctor")
    assert {"devices", "versions", "canaries", "healthy", "data", "decode_images_per_second"} <= found.keys()
    assert found["healthy"] is True and len(found["devices"]) == 8
    assert found["data"]["digits"] is True and found["data"]["imagenet2012"] is False
    status, shown, _ = call("doctor")
    assert status == 0 and "This machine computes correctly." in shown and "prepare --data=imagenet2012" in shown


def test_prepare_says_where(answered, small_archives):
    found = answered("prepare", "--data=mnist", f"--manual-dir={small_archives}", "--data-dir=prepared")
    assert found["data"] == "mnist" and found["folder"].endswith("prepared/mnist/3.0.1")


def test_a_rehearsal_says_so_at_both_ends(call, tmp_path, no_network, tiny):
    """Without the paper's data and without network: the same command runs on embedded images."""
    status, output, notices = call("--exp=cnn_primer", "--json")
    assert status == 0, notices
    lines = notices.strip().split("\n")
    assert lines[0] == lines[-1] == "=" * 78
    assert "REHEARSAL: this is cnn_primer:paper on digits, not on fashion_mnist." in lines[1]
    assert notices.count("REHEARSAL") == notices.count("The real thing: python launch.py prepare") == 2
    assert "Changed for it: steps=3, schedule.rate=0.125" in notices and "can't download" in notices
    summary = json.loads(output)
    assert (summary["rehearsal"], summary["data"], summary["steps"]) == (True, "digits", 3)
    assert summary["how_to_get_the_data"].startswith("python launch.py prepare --data=fashion_mnist")
    workdir = tmp_path / "runs" / "cnn_primer-paper-digits-rehearsal"
    assert json.loads((workdir / "summary.json").read_text()) == summary

    status, output, _ = call("eval", f"--workdir={workdir}", "--json")
    found = json.loads(output)
    assert status == 0 and found.keys() == {"experiment", "variant", "step", "data", "split", "protocols"}
    assert errors_of(found) == summary["evaluation"] and found["data"] == "digits"
    status, table, _ = call("eval", f"--workdir={workdir}")
    assert status == 0 and "at step 3, digits, test split" in table and "359" in table
    status, _, notices = call("eval", f"--workdir={workdir}", "--protocol=multi_crop", "--set=scales.multi_crop=(4,)")
    assert status == 2 and "smallest scale (=4) is below the network's input" in notices
    status, table, _ = call("--exp=cnn_primer")
    assert status == 0 and "cnn_primer:paper on digits (a rehearsal): 3 steps, 24 examples" in table


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_is_for_each_command(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0 and " ".join(["usage: launch.py", *command]) in capsys.readouterr().out


def test_without_arguments_it_shows_what_there_is(call):
    """Not as an answer: a script whose arguments got lost has to fail."""
    status, output, shown = call()
    assert (status, output) == (2, "")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 120
    commands = [line.split("  ")[1].removeprefix("python launch.py ") for line in lines if "launch.py" in line]
    for command in commands:
        _, flags = parse(shlex.split(command))
        assert not getattr(flags, "exp", None) or jaxcnn.load(flags.exp)
    assert {"--exp=lenet5_1998", "--list", "doctor"} | set(COMMANDS) <= set(commands) | {c.split()[0] for c in commands}
    for name in jaxcnn.names():
        assert name in shown
    with pytest.raises(SystemExit):
        main(["--help"])


def test_home_is_meant_by_its_sign(answered, tmp_path, monkeypatch, tiny):
    """Behind a flag's `=` the shell leaves it to us; in Python nobody else would."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    answered("--exp=cnn_primer", "--data=digits", "--set=steps=1", "--workdir=~/run", "--profile=~/trace")
    assert (tmp_path / "home" / "run" / "summary.json").exists() and (tmp_path / "home" / "trace").is_dir()
    assert answered("eval", "--workdir=~/run")["step"] == 1
    assert jaxcnn.evaluate("~/run")["step"] == 1
    assert answered("doctor", "--data-dir=~/data")["data_dir"] == str(tmp_path / "home" / "data")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("~")]


def test_a_terminal_that_is_not_utf_8(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(["describe", "--exp=cnn_primer"]) == 0
    shown.flush()
    assert b"28?28?1" in shown.buffer.getvalue()


def test_a_run_longer_than_its_recipe_says_so(call, tmp_path, tiny):
    status, _, told = call(
        "--exp=cnn_primer", "--data=digits", "--set=steps=1", "--steps=2", f"--workdir={tmp_path / 'run'}"
    )
    assert status == 0 and "note: the recipe has 1 steps; its schedule wasn't made for those after them" in told
