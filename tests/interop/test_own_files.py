"""Files that `export` wrote, brought back: they say their own preprocessing and classes, whatever the names."""

import json

import numpy as np
import pytest
from exportable import SMALL
from safetensors.numpy import load_file, save, save_file
from untrained_runs import save_run, small, untrained

import jaxcnn
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.interop.formats import format_of
from jaxcnn.interop.import_weights import NAMED, WeightsDontFitError, import_weights
from jaxcnn.interop.own_description import own_description
from jaxcnn.interop.safetensors_file import read
from jaxcnn.interop.torch_export import to_torch, torchvision_call

# A mean image beside torch's names; whitening; local contrast, cropped; means of channels that aren't torchvision's.
RUNS = {
    "resnet_cifar_2015:20": ("model.n=2",),
    "nin_2013:cifar10": (),
    "nin_2013:svhn": (),
    "alexnet_2012:one_tower": ("model.hidden_units=32", "model.features=(16,32,24,24,16)"),
}


@pytest.mark.parametrize("title", RUNS)
def test_a_file_that_export_wrote_brings_its_preprocessing_and_classes(title, tmp_path):
    experiment = small(title, *SMALL[title])
    if title.startswith("alexnet"):
        experiment = jaxcnn.override(experiment, "inputs.mean=(1.0,2.0,3.0)", "inputs.channel_order=BGR")
    save_run(untrained(experiment), tmp_path / "first")
    jaxcnn.export(tmp_path / "first", format="safetensors", output=tmp_path / "file")
    answer = import_weights(small(title, *RUNS[title]), tmp_path / "file", tmp_path / "second")
    first, second = (jaxcnn.load_trained(tmp_path / name) for name in ("first", "second"))
    inputs = first.experiment.inputs
    shape = (2, inputs.stored_size, inputs.stored_size, inputs.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seen = first.preprocess(images)
    np.testing.assert_array_equal(second.preprocess(images), seen)
    np.testing.assert_array_equal(second.logits(seen), first.logits(seen))
    assert first.class_names == second.class_names != ()
    assert any("this program wrote" in sentence for sentence in answer["adapted"])


def test_what_the_user_sets_comes_before_what_the_file_says(tmp_path):
    title = "resnet_cifar_2015:20"
    save_run(untrained(small(title, *SMALL[title])), tmp_path / "first")
    jaxcnn.export(tmp_path / "first", format="safetensors", output=tmp_path / "file")
    experiment = small(title, "model.n=2", "inputs.mean=7.0", "inputs.scale=0.5")
    import_weights(experiment, tmp_path / "file", tmp_path / "second")
    found = jaxcnn.load_trained(tmp_path / "second")  # no longer needs the mean image, which the file has
    assert (found.experiment.inputs.mean, found.experiment.inputs.scale, found.experiment.inputs.size) == (7.0, 0.5, 16)


@pytest.mark.parametrize("damage", ["{", '{"input_size": 1}', "[]", '{"input_size": "1", "resize": {"size": 2}}'])
def test_a_damaged_description_is_named(damage):
    texts = {"experiment": "a", "variant": "b", "class_names": "[]", "preprocessing": damage}
    with pytest.raises(UsageError, match="the description in the file's header is damaged"):
        own_description(texts)
    assert own_description({"format": "pt", "preprocessing": damage}) is None  # another program's


def test_a_header_with_other_metadata_than_texts_is_damaged(tmp_path):
    header = json.dumps({"__metadata__": {"step": 7}}).encode()
    (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(DataMissingError, match="isn't texts by name"):
        read(tmp_path / "file")


def test_response_normalisation_that_torchs_network_lacks_is_switched_off(tmp_path):
    """The arrays fit with it, too, and the network would be another function."""
    trained = untrained(small("vgg_2014:A", *SMALL["vgg_2014:A-LRN"]))
    save_file(to_torch(trained.experiment, trained.variables), tmp_path / "file")
    answer = import_weights(small("vgg_2014:A-LRN", *SMALL["vgg_2014:A-LRN"]), tmp_path / "file", tmp_path / "run")
    found = jaxcnn.load_trained(tmp_path / "run")
    assert found.experiment.model == trained.experiment.model
    assert any("model.use_lrn=False" in sentence for sentence in answer["adapted"])


@pytest.mark.parametrize(
    ("title", "call"),
    [
        ("alexnet_2012:one_tower", "alexnet(num_classes=1000)"),
        ("vgg_2014:D-bn", "vgg16_bn(num_classes=1000)"),
        ("googlenet_2014:torchvision", "googlenet(num_classes=1000, init_weights=False)"),
        ("resnet_2015:34", "resnet34(num_classes=1000)"),
        ("resnet_2015:101-v1.5", "resnet101(num_classes=1000)"),
        ("resnet_2015:50", None),  # strides in its first 1×1 convolutions
        ("vgg_2014:C", None),
        ("googlenet_2014:paper", None),
        ("resnet_cifar_2015:20", None),
    ],
)
def test_what_makes_the_network_in_torchvision(title, call):
    assert torchvision_call(jaxcnn.load(title).model) == call


def test_networks_of_other_sizes_have_no_call():
    assert torchvision_call(small("vgg_2014:A", "model.hidden_units=16").model) is None
    assert torchvision_call(small("resnet_2015:18", "model.blocks=(1,1,1,1)").model) is None


@pytest.mark.parametrize("ending", ["safetensors", "pth", "caffemodel", "h5", "weights"])
def test_the_content_decides_and_not_the_ending(ending, tmp_path):
    torch = pytest.importorskip("torch", reason="torch writes these files")
    file = tmp_path / f"file.{ending}"
    file.write_bytes(save({"fc.bias": np.zeros(3, np.float32)}))
    assert format_of(file) == "safetensors"
    for archive in (True, False):
        torch.save({"fc.bias": torch.zeros(3)}, file, _use_new_zipfile_serialization=archive)
        assert format_of(file) == "pytorch"


def test_of_many_arrays_the_first_are_named(tmp_path):
    save_file({f"layer{number}": np.zeros(1, np.float32) for number in range(NAMED + 5)}, tmp_path / "file")
    with pytest.raises(WeightsDontFitError) as caught:
        import_weights(small("lenet5_1998:modern"), tmp_path / "file", tmp_path / "run")
    lines = str(caught.value).splitlines()
    assert sum(line.startswith("  unexpected: layer") for line in lines) == NAMED
    assert "  unexpected: 5 more, which --json lists" in lines
    assert len(caught.value.answer["unexpected"]) == NAMED + 5
    assert f"{NAMED + 5} unexpected" in lines[0]


def test_the_mean_image_is_beside_arrays_in_torchs_names(tmp_path):
    title = "resnet_cifar_2015:20"
    trained = untrained(small(title, *SMALL[title]))
    save_run(trained, tmp_path / "run")
    answer = jaxcnn.export(tmp_path / "run", format="safetensors", output=tmp_path / "file")
    mean = load_file(tmp_path / "file")["statistics/mean"]
    np.testing.assert_array_equal(mean, trained.variables["statistics"]["mean"])
    assert answer["input"]["layout"] == "NCHW" and answer["torchvision"] is None
