"""Which protocol suits which experiment."""

import dataclasses

import pytest

import jaxcnn
from jaxcnn.config.inputs import Inputs, Scales
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.protocols import PROTOCOLS, StoredSquares, check_protocol
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.nin import NIN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG, A

pytestmark = pytest.mark.usefixtures("plain_convolutions")

NAMES = ("center", "ten_crop", "dense", "multi_crop", "multi_scale", "144_crop", "multi_scale_dense")
PHOTOGRAPHS = Inputs(size=224, channels=3, stored_size=256)
WHOLE = [name for name, protocol in PROTOCOLS.items() if not isinstance(protocol, StoredSquares)]


def with_model(experiment, model, inputs=PHOTOGRAPHS, **fields):
    return dataclasses.replace(experiment, model=model, inputs=inputs, **fields)


def test_names_and_the_papers_scales():
    assert tuple(PROTOCOLS) == NAMES and tuple(WHOLE) == NAMES[2:]
    scales = Scales()
    found = {name: PROTOCOLS[name].scales(scales) for name in WHOLE}  # type: ignore[union-attr]
    assert found == {
        "dense": (256,),
        "multi_crop": (256, 384, 512),
        "multi_scale": (256, 384, 512),
        "144_crop": (256, 288, 320, 352),
        "multi_scale_dense": (224, 256, 384, 480, 640),
    }


@pytest.mark.parametrize("model", [VGG(blocks=A), GoogLeNet(), ResNet.of_depth(18)])
def test_photographs_suit_all(linear, model):
    for name in NAMES:
        check_protocol(name, with_model(linear, model))


@pytest.mark.parametrize("name", ["dense", "multi_scale", "multi_scale_dense"])
@pytest.mark.parametrize("title", ["lenet5_1998", "alexnet_2012", "alexnet_2012:one_tower", "cnn_primer"])
def test_a_network_with_fully_connected_layers_has_no_dense_form(name, title):
    with pytest.raises(UsageError, match=rf"{name} doesn't suit {title}.*takes maps of one size only.*Use center or"):
        check_protocol(name, jaxcnn.load(title))


def test_windows_suit_any_network_for_photographs(linear):
    check_protocol("multi_crop", jaxcnn.load("alexnet_2012"))
    check_protocol("144_crop", jaxcnn.load("alexnet_2012:one_tower"))
    small = dataclasses.replace(jaxcnn.load("alexnet_2012"), scales=Scales(multi_crop=(227, 226)))
    with pytest.raises(UsageError, match=r"smallest scale \(=226\) is below the network's input \(227 pixels\)"):
        check_protocol("multi_crop", small)


@pytest.mark.parametrize("name", WHOLE)
def test_small_images_have_their_square_alone(linear, name):
    cifar = with_model(linear, NIN(), Inputs(size=32, channels=3, stored_size=32))
    with pytest.raises(UsageError, match=r"is more than 4 times the network's input \(32 pixels\).*Use center or ten"):
        check_protocol(name, cifar)
    check_protocol("center", cifar)


def test_a_scale_below_what_the_network_was_made_for(linear):
    vgg = with_model(linear, VGG(blocks=A), scales=Scales(dense=(200,)))
    with pytest.raises(UsageError, match=r"dense doesn't suit .*fc6: a 6×6 map is smaller than its 7×7 window"):
        check_protocol("dense", vgg)
    check_protocol("dense", with_model(linear, ResNet.of_depth(18), scales=Scales(dense=(200,))))


def test_scales_are_checked_and_overridden():
    with pytest.raises(UsageError, match=r"dense \(=\(\)\) must be a tuple with one or more values"):
        Scales(dense=())
    experiment = jaxcnn.override(jaxcnn.load("alexnet_2012"), "scales.multi_crop=(288, 320)")
    assert experiment.scales == Scales(multi_crop=(288, 320))
    with pytest.raises(UsageError, match="must be"):
        jaxcnn.override(experiment, "scales.dense=(0,)")


def test_unknown_names(linear):
    with pytest.raises(UsageError, match="there is no protocol '144_corp'; did you mean '144_crop'"):
        check_protocol("144_corp", linear)
