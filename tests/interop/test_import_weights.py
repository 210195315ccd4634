"""Weights from elsewhere: the same function after the import, every array that doesn't fit named, nothing run."""

import json
import pickle
import random
from pathlib import Path

import jax
import numpy as np
import pytest
from exportable import SMALL
from safetensors.numpy import save_file
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.cli.main import main
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.interop.import_weights import WeightsDontFitError, import_weights
from jaxcnn.interop.safetensors_file import read
from jaxcnn.interop.torch_export import to_torch

FAMILIES = ["alexnet_2012:one_tower", "vgg_2014:A-bn", "googlenet_2014:torchvision", "resnet_2015:50-v1.5"]
CIFAR = "resnet_cifar_2015:20"


def network(title: str):
    return untrained(small(title, *SMALL[title]))


def written(title: str, folder: Path, **changes) -> Path:
    """A safetensors file of a network with random weights, in torch's names."""
    trained = network(title)
    arrays = to_torch(trained.experiment, trained.variables)
    file = folder / f"{title.replace(':', '-')}.safetensors"
    save_file({name: changes.get(name, array) for name, array in arrays.items()}, file)
    return file


@pytest.mark.parametrize("title", [*FAMILIES, CIFAR])
def test_there_and_back_is_the_same_to_the_bit(title, tmp_path):
    answer = import_weights(small(title, *SMALL[title]), written(title, tmp_path), tmp_path / "run")
    expected = network(title).variables
    found = jaxcnn.load_trained(tmp_path / "run").variables
    for kind in ("params", "batch_stats"):
        assert jax.tree.structure(found[kind]) == jax.tree.structure(expected[kind])
        jax.tree.map(np.testing.assert_array_equal, found[kind], expected[kind])
    assert answer["loaded"] == len(jax.tree.leaves((expected["params"], expected["batch_stats"])))
    assert answer["missing"] == answer["unexpected"] == answer["wrong_shape"] == []


@pytest.mark.parametrize(
    ("title", "name", "shape"),
    [
        ("alexnet_2012:one_tower", "classifier.6.weight", (10, 32)),
        ("vgg_2014:A-bn", "features.1.running_mean", (8,)),
        ("vgg_2014:A-bn", "features.4.weight", (8, 8, 3, 3)),
        ("googlenet_2014:torchvision", "inception3a.branch2.0.conv.weight", (96, 192, 1, 1)),
        ("googlenet_2014:torchvision", "aux1.fc1.weight", (1024, 2048)),
        ("resnet_2015:50-v1.5", "layer1.0.downsample.0.weight", (256, 64, 1, 1)),
        ("resnet_2015:50-v1.5", "layer2.0.bn3.running_var", (512,)),
        (CIFAR, "layer3.1.conv2.weight", (64, 64, 3, 3)),
        (CIFAR, "linear.bias", (10,)),
    ],
)
def test_the_names_are_those_of_the_widely_used_code(title, name, shape):
    trained = network(title)
    assert to_torch(trained.experiment, trained.variables)[name].shape == shape


def test_maps_are_flattened_channels_first_in_torch():
    trained = network("vgg_2014:A-bn")
    theirs = to_torch(trained.experiment, trained.variables)["classifier.0.weight"]
    ours = np.asarray(trained.variables["params"]["fc6"]["kernel"])
    channels = trained.experiment.model.features[-1]
    places = ours.shape[0] // channels
    for place, channel, output in ((0, 0, 0), (places - 1, 3, 5), (places // 2, channels - 1, 2)):
        assert theirs[output, channel * places + place] == ours[place * channels + channel, output]


def test_a_cifar_resnet_with_zeros_on_both_sides_gives_torchs_logits(tmp_path):
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    network = cifar_resnet(torch, blocks=2)
    state = {f"module.{name}": values for name, values in network.state_dict().items()}
    torch.save({"state_dict": state, "best_prec1": 91.7}, tmp_path / "checkpoint.th")
    experiment = jaxcnn.override(jaxcnn.load(CIFAR), "model.n=2")
    answer = import_weights(experiment, tmp_path / "checkpoint.th", tmp_path / "run")
    trained = jaxcnn.load_trained(tmp_path / "run")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    inputs = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        expected = network(torch.from_numpy(inputs.transpose(0, 3, 1, 2).astype(np.float32))).numpy()
    found = np.asarray(trained.logits(trained.preprocess(pixels)))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert any("both sides" in sentence for sentence in answer["adapted"])
    import_weights(experiment, tmp_path / "checkpoint.th", tmp_path / "other", zeros="behind")
    other = jaxcnn.load_trained(tmp_path / "other")
    assert np.abs(np.asarray(other.logits(other.preprocess(pixels))) - expected).max() > 1e-2


def cifar_resnet(torch, blocks: int):
    """The network of 6·blocks + 2 layers as the usual code has it: option A pads on both sides of the channels."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
            self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
            self.pad = 0 if inputs == outputs else outputs // 4

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            shortcut = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad)) if self.pad else x
            return torch.relu(y + shortcut)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            widths = [16, 16, 32, 64]
            for stage in (1, 2, 3):
                sizes = [(widths[stage - 1], widths[stage]), *[(widths[stage],) * 2] * (blocks - 1)]
                layers = [
                    Block(inputs, outputs, 2 if stage > 1 and number == 0 else 1)
                    for number, (inputs, outputs) in enumerate(sizes)
                ]
                setattr(self, f"layer{stage}", nn.Sequential(*layers))
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x)))
            return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    torch.manual_seed(0)
    network = Network().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low in ((module.running_var, 0.5), (module.weight.data, 0.5)):
                values.uniform_(low, 1.5)
            module.running_mean.normal_(0, 0.1)
    return network


def test_what_does_not_fit_is_listed_in_full_and_nothing_is_written(tmp_path, capsys):
    title = "vgg_2014:A-bn"
    file = written(title, tmp_path)
    arrays = dict(read(file).arrays)
    arrays["features.0.weight"] = np.zeros((8, 3, 5, 5), np.float32)
    arrays["extra.weight"] = arrays.pop("classifier.3.bias")
    save_file(arrays, file)
    with pytest.raises(WeightsDontFitError) as caught:
        import_weights(small(title, *SMALL[title]), file, tmp_path / "run")
    answer = caught.value.answer
    assert answer["missing"] == ["fc7/bias"] and answer["unexpected"] == ["extra.weight"]
    assert len(answer["wrong_shape"]) == 1 and "[8, 3, 5, 5]" in answer["wrong_shape"][0]
    assert all(text in str(caught.value) for text in ("fc7/bias", "extra.weight", "[8, 3, 5, 5]"))
    assert caught.value.exit_status == 2 and not (tmp_path / "run").exists()
    command = ["import-weights", "--exp=nin_2013", f"--from={file}", f"--workdir={tmp_path / 'run'}", "--json"]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["missing"] and "Nothing was written" in printed.err


def test_the_variant_that_fits_is_suggested(tmp_path):
    file = written("resnet_2015:50-v1.5", tmp_path)
    settings = ("inputs.size=32", "inputs.stored_size=36", "model.num_classes=10")
    with pytest.raises(WeightsDontFitError):  # of these blocks there is no variant
        import_weights(small("resnet_2015:18", *settings), file, tmp_path / "run")
    with pytest.raises(WeightsDontFitError, match=r"they fit --exp=resnet_cifar_2015:20") as caught:
        import_weights(jaxcnn.load("resnet_cifar_2015:32"), written_whole(CIFAR, tmp_path), tmp_path / "run")
    assert caught.value.answer["suggestion"] == CIFAR


def written_whole(title: str, folder: Path) -> Path:
    trained = untrained(jaxcnn.load(title))
    file = folder / "whole.safetensors"
    save_file(to_torch(trained.experiment, trained.variables), file)
    return file


class Malicious:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return exec, (f"open({self.path!r}, 'w').close()",)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    torch = pytest.importorskip("torch", reason="torch reads these files")
    trap, plain, archived = tmp_path / "trap", tmp_path / "plain.pth", tmp_path / "archived.pth"
    plain.write_bytes(pickle.dumps({"conv1.weight": Malicious(str(trap))}, protocol=2))
    torch.save({"conv1.weight": Malicious(str(trap))}, archived)
    for file in (plain, archived):
        with pytest.raises((UsageError, DataMissingError)):
            import_weights(jaxcnn.load("resnet_2015:18"), file, tmp_path / "run")
        assert not trap.exists() and not (tmp_path / "run").exists()


def test_torch_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "weights.pth").write_bytes(pickle.dumps({}, protocol=2))
    with pytest.raises(JaxcnnError, match=r"pip install torch.*safetensors"):
        import_weights(jaxcnn.load("resnet_2015:18"), tmp_path / "weights.pth", tmp_path / "run")


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_end_in_one_error(count, tmp_path):
    """Random bytes, truncated and mutated files; a header that claims 2^60 bytes."""
    draw, file = random.Random(0), tmp_path / "file.safetensors"
    save_file({"conv1.weight": np.ones((4, 3, 2, 2), np.float32), "fc.bias": np.zeros(7, np.float16)}, file)
    whole = file.read_bytes()
    for _ in range(count):
        kind = draw.randrange(4)
        content = bytearray(whole)
        if kind == 0:
            content = bytearray(draw.randbytes(draw.randrange(200)))
        elif kind == 1:
            content = content[: draw.randrange(len(whole))]
        elif kind == 2:
            for _ in range(draw.randrange(1, 5)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        else:
            content[:8] = (2**60 + draw.randrange(2**20)).to_bytes(8, "little")
        file.write_bytes(content)
        try:
            read(file)
        except JaxcnnError as error:
            assert "\n" not in str(error) or kind == 2


def test_the_folder_must_be_new_or_empty(tmp_path):
    file = written("alexnet_2012:one_tower", tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").write_text("mine")
    with pytest.raises(UsageError, match="isn't an empty folder"):
        import_weights(small("alexnet_2012:one_tower", *SMALL["alexnet_2012:one_tower"]), file, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes"]
