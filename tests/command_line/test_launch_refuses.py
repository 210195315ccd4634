"""One line and a status for what a user gets wrong, and no traceback."""

import gzip
import json
import re

import jax
import pytest

import jaxcnn
from jaxcnn.cli import flags
from jaxcnn.errors import UsageError
from jaxcnn.runs.folder import claim_workdir, identity

TINY = ("--exp=cnn_primer", "--data=digits", "--set=inputs.size=14", "--set=inputs.stored_size=14")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--json",),
            r"give --exp=NAME, --list, or a command \(describe, bench, prepare, eval, predict, import",
        ),
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
        (("--exp=cnn_primer", "--steps=3", "--epochs=1"), r"steps \(=3\) and epochs \(=1\.0\) exclude each other"),
        (("--exp=cnn_primer", "--steps=0"), r"--steps: 0 must be positive"),
        (("--exp=cnn_primer", "--steps=1.5"), r"--steps: invalid positive int value: '1\.5'"),
        (("--exp=cnn_primer", "--epochs=nan"), r"--epochs: nan must be positive"),
        (("--exp=cnn_primer", "--epochs=inf"), r"--epochs: inf must be .*finite"),
        (("--exp=cnn_primer", "--seed=-1"), r"seed \(=-1\) must be a whole number from 0 to 4294967295"),
        (("--exp=cnn_primer", "--seed=4294967296"), r"seed \(=4294967296\) must be a whole number from 0"),
        (("--exp=cnn_primer", "--parallel=both"), r"--parallel: invalid choice: 'both' \(choose from .*jit"),
        (("--list", "--exp=cnn_primer", "--steps=3"), r"--list .* takes only --json; leave out --exp, --steps\."),
        (("--exp=cnn_primer", "--devices=8"), r"--devices \(=8\) needs --dry-run"),
        (
            ("--exp=cnn_primer", "--dry-run", "--distributed"),
            r"--dry-run is one process; instead of --distributed, use --devices=N",
        ),
        ((*TINY, "--dry-run", "--set", "batch_size=12"), r"batch_size \(=12\) must divide evenly over 8 devices"),
        ((*TINY, "--set", "accumulate=5"), r"must divide evenly over 8 devices × accumulate \(=5\); use "),
        (("describe",), r"the following arguments are required: --exp"),
        (("eval",), r"the following arguments are required: --workdir"),
        (("prepare",), r"the following arguments are required: --data"),
        (("prepare", "--data=mnits"), r"unknown data set 'mnits'; known: .* Did you mean 'mnist'\?"),
        (("prepare", "--data=digits"), r"nothing to prepare"),
        (("--exp=cnn_primer", "--data=cifar"), r"unknown data set 'cifar'.*Did you mean 'cifar10'\?"),
        ((*TINY, "--set", "batch_sise=64"), r"batch_sise: .* no field 'batch_sise'; did you mean 'batch_size'"),
        ((*TINY, "--set", "model.drop=0"), r"model\.drop: \w+ has no field 'drop'"),
        ((*TINY, "--set", "batch_size=many"), r"batch_size \(='many'\) must be int; it is \d+ now"),
        ((*TINY, "--set", "batch_size"), r"--set batch_size: write path=value"),
        ((*TINY, "--set", "batch_size=0"), r"batch_size \(=0\) must be positive"),
        ((*TINY, "--set", "batch_size=130"), r"batch_size \(=130\) must divide evenly over 8 devices; use 128 or 136"),
        ((*TINY, "--set", "batch_size=3"), r"batch_size \(=3\) must divide evenly over 8 devices; use 8\."),
        ((*TINY, "--set", "protocols=('ten',)"), r"there is no protocol 'ten'; .*Allowed: center, ten_crop"),
        ((*TINY, "--set", "model.num_classes=9"), r"model\.num_classes \(=9\) must be at least 10"),
        (("--exp=alexnet_2012", "--data=photos", "--set=model.towers=5"), r"must each be divisible by towers"),
        (("describe", "--exp=alexnet_2012", "--set=model.towers=5"), r"must each be divisible by towers \(=5\)"),
        (("describe", "--exp=alexnet_2012", "--set=model.features=(1,1)"), r"must be tuple\[int, int, int, int, int\]"),
        (("bench", "--exp=cnn_primer", "--batch-size=12"), r"batch_size \(=12\) must divide evenly over 8 devices"),
        (("bench", "--exp=alexnet_2012", "--set=model.towers=5"), r"must each be divisible by towers \(=5\)"),
        ((*TINY, "--mesh=data=4,models=2"), r"--mesh=data=4,models=2: there is no axis 'models'; allowed: data, model"),
        ((*TINY, "--mesh=data=4"), r"--mesh=data=4 lays out 4 devices, there are 8; use --mesh=data=8,model=1\."),
        ((*TINY, "--mesh=data=4,model=2"), r"cnn_primer:paper has no towers; only AlexNet's two can be divided"),
        ((*TINY, "--mesh=data=4,model=2", "--parallel=pmap"), r"use --parallel=jit with model=2"),
        (("bench", "--exp=alexnet_2012:ungrouped", "--mesh=data=4,model=2"), r"this network has towers=1"),
        (("eval", "--workdir=nowhere"), r"nowhere is no run's folder: it has no experiment\.json"),
        ((*TINY, "--workdir=/dev/null/run"), r"can't write to /dev/null/run: .*choose another --workdir"),
        ((*TINY, f"--workdir={'x' * 300}"), r"can't use x+/experiment\.json: File name too long; .*another --workdir"),
        ((*TINY, "--profile=gs://bucket/x"), r"--profile=gs://bucket/x must be a local folder"),
        ((*TINY, "--workdir=~nobody_at_all/x"), r"--workdir=~nobody_at_all/x: there is no home folder ~nobody_at_all"),
        (("doctor", "--data-dir=~nobody_at_all"), r"--data-dir=~nobody_at_all: there is no home folder ~nobody_at_all"),
        (("prepare", "--data=mnist", "--manual-dir=~nobody_at_all"), r"--manual-dir=~nobody_at_all: .* write \./~nob"),
        ((*TINY, "--workdir=gs://bucket/x"), r"--workdir=gs://bucket/x must be a local folder"),
        (("eval", "--workdir=gs://bucket/x"), r"--workdir=gs://bucket/x must be a local folder"),
        ((*TINY, "--workdir="), r"--workdir= is empty; give it a value, or leave it out"),
        ((*TINY, "--profile="), r"--profile= is empty"),
        (("prepare", "--data=mnist", "--manual-dir="), r"--manual-dir= is empty"),
        (("eval", "--workdir=nowhere", "--protocol="), r"--protocol= is empty"),
        (("--exp=lenet5_1998:",), r"lenet5_1998 has no variant ''; .*Allowed: paper, modern"),
        (("prepare", "--data=mnist", "--data-dir=/dev/null"), r"--data-dir=/dev/null is not a folder"),
        (("prepare", "--data=mnist", f"--data-dir={'x' * 300}"), r"can't write x+: File name too long; choose another"),
        ((*TINY, "--set=inputs.channels=2"), r"inputs\.channels \(=2\) must be 1 \(grey\) or 3 \(RGB\)"),
        (("describe", "--exp=vgg_2014", "--set=inputs.channels=0"), r"inputs\.channels \(=0\) must be 1"),
        (("describe", "--exp=vgg_2014", "--set=inputs.size=-3"), r"inputs\.size \(=-3\) must be positive"),
        (("describe", "--exp=vgg_2014", "--set=inputs.size=0"), r"inputs\.size \(=0\) must be positive"),
        (("describe", "--exp=vgg_2014", "--set=inputs.size=10"), r"inputs\.size \(=10\) is too small for the network"),
        (("describe", "--exp=alexnet_2012", "--set=inputs.size=10"), r"inputs\.size \(=10\) is too small"),
        ((*TINY, "--workdir=/dev/null"), r"/dev/null exists and is no run's folder; choose another --workdir"),
    ],
)
def test_a_wrong_command_is_answered_in_one_line(refused, arguments, message):
    assert re.search(message, refused(2, *arguments))


def test_a_workdir_that_holds_another_experiment(refused, tmp_path):
    other = jaxcnn.load("cnn_primer")
    claim_workdir(tmp_path / "run", identity(other, data="digits", rehearsal=False, seed=0))
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
        assert f"in {empty}; put them there" in line
        assert "then run: python launch.py prepare --data=mnist" in line
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
def test_a_loss_that_is_not_finite_stops_the_run(refused, tmp_path, steps, tiny):
    """Also where it is the last step that spoils the parameters: then the evaluation shows it."""
    workdir = tmp_path / "run"
    options = ("--set=inputs.scale=1", "--set=schedule.rate=1e38", f"--workdir={workdir}", f"--steps={steps}")
    line = refused(4, "--exp=cnn_primer", "--data=digits", *options)
    assert "loss is not finite" in line and "--set schedule.rate=" in line
    assert not (workdir / "summary.json").exists()
    events = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events][-1] == "stopped"
    assert not [path for path in (workdir / "checkpoints").iterdir() if path.name.isdigit()]


def test_devices_that_are_not_there(monkeypatch):
    monkeypatch.setattr(flags.private_jax, "backends_are_initialized", lambda: False)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    refused = pytest.raises(UsageError, match=r"JAX_PLATFORMS \(=cuda\) names no device")
    with refused, flags.reporting_missing_platform():
        raise AssertionError
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(AssertionError), flags.reporting_missing_platform():
        raise AssertionError


@pytest.mark.parametrize(
    "command",
    [
        TINY,
        (*TINY, "--dry-run"),
        ("bench", "--exp=cnn_primer"),
        ("eval", "--workdir=nowhere"),
        ("doctor",),
    ],
)
def test_jax_that_was_told_not_to_compile(refused, command):
    with jax.disable_jit():
        assert "JAX_DISABLE_JIT is set, and every step here is compiled ahead of time; unset it" in refused(2, *command)
