"""The command line, called in this process: its answers, and one line and a status for what a user gets wrong."""

import dataclasses
import gzip
import json
import re
import urllib.request

import jax
import pytest

import experiments.cnn_primer
import jaxcnn
from jaxcnn.training.run_folder import claim, identity
from launch import COMMANDS, main

TINY = ("--exp=cnn_primer", "--data=digits", "--set=inputs.size=14", "--set=inputs.stored_size=14")


@pytest.fixture(autouse=True)
def no_cache_of_the_user(monkeypatch):
    """`main` turns the user's cache of compiled programs on, unless one is named."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.jax_compilation_cache_dir))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(request, timeout):
        raise OSError("network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def call(capsys):
    """Runs a command; gives its status, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.fixture
def refused(call):
    """Runs a command that has to fail with this status; gives the one line that it says."""

    def run(status: int, *arguments: str) -> str:
        got, output, notices = call(*arguments)
        lines = notices.strip().split("\n")
        assert (got, output) == (status, ""), notices
        assert lines[-1].startswith("launch.py: ") and "Traceback" not in notices
        assert status == 4 or len(lines) == 1, notices
        return lines[-1]

    return run


@pytest.fixture
def answered(call):
    """Runs a command with --json; gives the document, which is all that stands on standard output."""

    def run(*arguments: str):
        status, output, notices = call(*arguments, "--json")
        assert status == 0, notices
        return json.loads(output)

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"give --exp=NAME, --list, or a command \(describe, bench, prepare, eval, doctor"),
        (("--exp=alexnet_2021",), r"there is no experiment 'alexnet_2021'; did you mean 'alexnet_2012'\? Allowed: "),
        (("--exp=alexnet_2012:cafenet",), r"alexnet_2012 has no variant 'cafenet'; did you mean 'caffenet'\?"),
        (("describe", "--exp=alexnet"), r"there is no experiment 'alexnet'; did you mean 'alexnet_2012'\?"),
        (("desribe", "--exp=alexnet_2012"), r"there is no command 'desribe'; did you mean 'describe'\?"),
        (("zzz",), r"there is no command 'zzz'; Allowed: --exp=NAME, describe"),
        (("--exp=cnn_primer", "--stpes=3"), r"unrecognized arguments: --stpes=3\. Did you mean --steps\?"),
        (("--exp=cnn_primer", "--qqqqq"), r"unrecognized arguments: --qqqqq\. See launch\.py --help"),
        (("--exp=cnn_primer", "stray"), r"unrecognized arguments: stray"),
        (("bench", "--exp=cnn_primer", "--batchsize=3"), r"Did you mean --batch-size\?"),
        (("--exp=cnn_primer", "--step=3"), r"unrecognized arguments: --step=3"),  # no abbreviations
        (("--exp=cnn_primer", "--steps=3", "--epochs=1"), r"--epochs: not allowed with argument --steps"),
        (("--exp=cnn_primer", "--steps=0"), r"--steps: 0 must be positive"),
        (("--exp=cnn_primer", "--steps=1.5"), r"--steps: invalid positive int value: '1\.5'"),
        (("--exp=cnn_primer", "--epochs=nan"), r"--epochs: nan must be positive"),
        (("--exp=cnn_primer", "--epochs=inf"), r"--epochs: inf must be .*finite"),
        (("--exp=cnn_primer", "--seed=-1"), r"--seed \(=-1\) must be from 0 to 4294967295"),
        (("--exp=cnn_primer", "--seed=4294967296"), r"--seed \(=4294967296\) must be from 0"),
        (("--exp=cnn_primer", "--parallel=both"), r"--parallel: invalid choice: 'both' \(choose from .*jit"),
        (("describe",), r"the following arguments are required: --exp"),
        (("eval",), r"the following arguments are required: --workdir"),
        (("prepare",), r"the following arguments are required: --data"),
        (("prepare", "--data=mnits"), r"unknown data set 'mnits'; known: .* Did you mean 'mnist'\?"),
        (("prepare", "--data=digits"), r"nothing to prepare"),
        (("--exp=cnn_primer", "--data=cifar"), r"unknown data set 'cifar'.*Did you mean 'cifar10'\?"),
        ((*TINY, "--set", "batch_sise=64"), r"batch_sise: Experiment has no field 'batch_sise'; did you mean 'batch_size'"),
        ((*TINY, "--set", "model.drop=0"), r"model\.drop: \w+ has no field 'drop'"),
        ((*TINY, "--set", "batch_size=many"), r"batch_size \(='many'\) must be int; it is \d+ now"),
        ((*TINY, "--set", "batch_size"), r"--set batch_size: write path=value"),
        ((*TINY, "--set", "batch_size=0"), r"batch_size \(=0\) must be positive"),
        ((*TINY, "--set", "batch_size=130"), r"batch_size \(=130\) must divide evenly over 8 devices; use 128 or 136"),
        ((*TINY, "--set", "batch_size=3"), r"batch_size \(=3\) must divide evenly over 8 devices; use 8\."),
        ((*TINY, "--set", "protocols=('ten',)"), r"there is no protocol 'ten'; .*Allowed: center, ten_crop"),
        ((*TINY, "--set", "model.num_classes=9"), r"model\.num_classes \(=9\) must be at least 10"),
        (("--exp=alexnet_2012", "--data=photos", "--set=model.towers=5"), r"alexnet_2012:paper on photos: .*divisible"),
        (("describe", "--exp=alexnet_2012", "--set=model.towers=5"), r"alexnet_2012:paper: .*divisible by groups"),
        (("describe", "--exp=alexnet_2012", "--set=model.features=(1,1)"), r"must be tuple\[int, int, int, int, int\]"),
        (("bench", "--exp=cnn_primer", "--batch-size=12"), r"batch_size \(=12\) must divide evenly over 8 devices"),
        (("bench", "--exp=alexnet_2012", "--set=model.towers=5"), r"divisible by groups"),
        (("eval", "--workdir=nowhere"), r"nowhere is no run's folder: it has no experiment\.json"),
        ((*TINY, "--workdir=/dev/null/run"), r"can't write to /dev/null/run: .*choose another --workdir"),
        ((*TINY, "--workdir=/dev/null"), r"/dev/null exists and is no run's folder; choose another --workdir"),
    ],
)
def test_a_wrong_command_is_answered_in_one_line(refused, arguments, message):
    assert re.search(message, refused(2, *arguments))


def test_a_workdir_that_holds_another_experiment(refused, tmp_path):
    other = jaxcnn.load("cnn_primer")
    claim(tmp_path / "run", identity(other, data="digits", rehearsal=False, seed=0))
    before = (tmp_path / "run" / "experiment.json").read_text()
    line = refused(2, *TINY, f"--workdir={tmp_path / 'run'}")
    assert "run holds another experiment: its inputs.size is 28, here it is 14; choose another --workdir" in line
    line = refused(2, "--exp=cnn_primer", "--data=digits", "--seed=1", f"--workdir={tmp_path / 'run'}")
    assert "its seed is 0, here it is 1" in line
    line = refused(2, "--exp=lenet5_1998", "--data=digits", f"--workdir={tmp_path / 'run'}", "--set=batch_size=8")
    assert "holds another experiment" in line
    assert (tmp_path / "run" / "experiment.json").read_text() == before


def test_a_folder_with_other_files_is_not_taken(refused, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "exists and is no run's folder" in refused(2, *TINY, f"--workdir={tmp_path}")


def test_missing_archives_are_named_with_their_folder_and_the_command(refused, tmp_path, no_network):
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in (("prepare",), ("--exp=lenet5_1998",)):
        line = refused(3, *command, "--data=mnist", f"--manual-dir={empty}")
        assert "mnist needs train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k" in line
        assert f"in {empty}; put it there, then run: python launch.py prepare --data=mnist" in line
    line = refused(3, "--exp=alexnet_2012", "--data=imagenet2012")
    assert "imagenet2012 needs ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar in " in line
    line = refused(3, "prepare", "--data=mnist")
    assert "can't download https://" in line and "--manual-dir=DIR" in line


def test_a_damaged_archive_is_named(refused, tmp_path):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    whole = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    for name in names:
        (tmp_path / f"{name}-ubyte.gz").write_bytes(whole)
    assert "train-images-idx3-ubyte.gz is damaged or another file" in refused(
        3, "prepare", "--data=mnist", f"--manual-dir={tmp_path}"
    )
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(whole[:-9])
    line = refused(3, "--exp=lenet5_1998", "--data=mnist", f"--manual-dir={tmp_path}")
    assert f"{tmp_path}/train-images-idx3-ubyte.gz is damaged (" in line


@pytest.mark.parametrize("steps", [1, 20])
def test_a_loss_that_is_not_finite_stops_the_run(refused, tmp_path, steps, monkeypatch):
    """Also where it is the last step that spoils the parameters: then the evaluation shows it."""
    workdir = tmp_path / "run"
    options = (*TINY, "--set=batch_size=8", "--set=schedule.rate=1e38", f"--workdir={workdir}")
    line = refused(4, *options, f"--steps={steps}")
    assert "loss is not finite" in line and "--set schedule.rate=" in line
    assert not (workdir / "summary.json").exists()
    assert [event["event"] for event in map(json.loads, (workdir / "metrics.jsonl").open())][-1] == "stopped"
    assert not [path for path in (workdir / "checkpoints").iterdir() if path.name.isdigit()]


def test_list(answered, call):
    entries = answered("--list")
    for entry in entries:
        assert entry.keys() == {"experiment", "variant", "paper", "data", "input_shape", "total_params"}
    shown = [f"{entry['experiment']}:{entry['variant']}" for entry in entries]
    assert shown == [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]
    counts = {title: entry["total_params"] for title, entry in zip(shown, entries, strict=True)}
    assert counts["lenet5_1998:paper"] == 60_000 and counts["alexnet_2012:paper"] == 60_965_224
    assert entries[shown.index("alexnet_2012:one_tower")]["input_shape"] == [224, 224, 3]
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
def test_bench(answered, parallel):
    found = answered("bench", *TINY[:1], *TINY[2:], "--batch-size=8", "--steps=3", f"--parallel={parallel}")
    assert found.keys() == {
        *("experiment", "device_kind", "device_count", "batch_size", "precision", "compile_seconds"),
        *("step_ms_min", "step_ms_median", "images_per_second", "flops_per_step", "peak_bytes", "collectives"),
    }
    assert (found["experiment"], found["batch_size"], found["device_count"]) == ("cnn_primer:paper", 8, 8)
    assert 0 < found["step_ms_min"] <= found["step_ms_median"] and found["precision"] == "float32"
    assert set(found["collectives"]) == {"all-reduce"}


def test_doctor(answered, call):
    found = answered("doctor")
    assert {"devices", "versions", "canaries", "healthy", "data", "decode_images_per_second"} <= found.keys()
    assert found["healthy"] is True and len(found["devices"]) == 8
    assert found["data"]["digits"] is True and found["data"]["imagenet2012"] is False
    status, shown, _ = call("doctor")
    assert status == 0 and "healthy: True" in shown


def test_prepare_says_where(answered, small_archives):
    found = answered("prepare", "--data=mnist", f"--manual-dir={small_archives}", "--data-dir=prepared")
    assert found["data"] == "mnist" and found["folder"].endswith("prepared/mnist/3.0.1")


@pytest.fixture
def small_archives(tmp_path, monkeypatch):
    """MNIST's four files with one picture each."""
    import hashlib

    from jaxcnn.data import datasets

    entry = datasets.data_set("mnist")
    archives = []
    for archive in entry.archives:
        images = "images" in archive.file_name
        header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]) if images else bytes([0, 0, 8, 1, 0, 0, 0, 1])
        raw = header + bytes(28 * 28 if images else 1)
        (tmp_path / archive.file_name).write_bytes(gzip.compress(raw))
        archives.append(dataclasses.replace(archive, content_sha256=hashlib.sha256(raw).hexdigest()))
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", dataclasses.replace(entry, archives=tuple(archives)))
    return tmp_path


def test_a_rehearsal_says_so_at_both_ends(call, tmp_path, no_network, monkeypatch):
    """Without the paper's data and without network: the same command runs on embedded pictures."""
    overrides = {"steps": 3, "batch_size": 8, "inputs.size": 14, "inputs.stored_size": 14}
    rehearsal = dataclasses.replace(experiments.cnn_primer.paper.rehearsal, overrides=overrides)
    paper = dataclasses.replace(experiments.cnn_primer.paper, rehearsal=rehearsal)
    monkeypatch.setattr(experiments.cnn_primer, "VARIANTS", {"paper": paper})
    status, output, notices = call("--exp=cnn_primer", "--json")
    assert status == 0, notices
    lines = notices.strip().split("\n")
    assert lines[0] == lines[-1] == "=" * 78
    assert "REHEARSAL: this is cnn_primer:paper on digits, not on fashion_mnist." in lines[1]
    assert notices.count("REHEARSAL") == notices.count("The real thing: python launch.py prepare") == 2
    assert "Changed for it: steps=3, batch_size=8" in notices and "can't download" in notices
    summary = json.loads(output)
    assert (summary["rehearsal"], summary["data"], summary["steps"]) == (True, "digits", 3)
    assert summary["how_to_get_the_data"].startswith("python launch.py prepare --data=fashion_mnist")
    workdir = tmp_path / "runs" / "cnn_primer-paper-digits-rehearsal"
    assert json.loads((workdir / "summary.json").read_text()) == summary

    status, output, _ = call("eval", f"--workdir={workdir}", "--json")
    found = json.loads(output)
    assert status == 0 and found.keys() == {"experiment", "variant", "step", "data", "split", "protocols"}
    assert found["protocols"] == summary["evaluation"] and found["data"] == "digits"
    status, table, _ = call("eval", f"--workdir={workdir}")
    assert status == 0 and "at step 3, digits, test split" in table and "359" in table
    status, _, notices = call("eval", f"--workdir={workdir}", "--protocol=multi_crop", "--set=scales.multi_crop=(12,)")
    assert status == 2 and "smallest scale (=12) is below the network's input (14 pixels)" in notices
    status, table, _ = call("--exp=cnn_primer")
    assert status == 0 and "cnn_primer:paper on digits (a rehearsal): 3 steps, 24 examples" in table


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_is_for_each_command(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0 and " ".join(["usage: launch.py", *command]) in capsys.readouterr().out
