"""Where a variant's values are another source's than those of the bare name: what the sources say, value by value."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import pytest

import jaxcnn
import jaxcnn.experiments.alexnet_2012
import jaxcnn.experiments.vgg_2014
from jaxcnn.augmentation.random_crops import ScaleJitter
from jaxcnn.config.inputs import Scales
from jaxcnn.models.alexnet import AlexNet


def settings(text: str) -> list[str]:
    """Every `--set path=value` in a text, but for those that name a folder."""
    found = re.findall(r"""--set (?:"([^"]+)"|([^\s"`]+))""", text)
    return [quoted or bare for quoted, bare in found if not bare.startswith("init_from")]


@pytest.mark.parametrize("net", ["A", "A-LRN", "B"])
def test_small_vggs_train_at_one_scale(net):
    """Tables 3 and 4 have S = 256 alone for them, Q = 256, and 224, 256, 288 together."""
    experiment = jaxcnn.load(f"vgg_2014:{net}")
    assert experiment.inputs.crop == ScaleJitter(shortest=256, longest=256)
    assert (experiment.scales.dense, experiment.scales.multi_scale) == ((256,), (224, 256, 288))
    assert not any("jitter" in deviation for deviation in experiment.deviations)


@pytest.mark.parametrize("net", ["C", "D", "E", "A-bn", "B-bn", "D-bn", "E-bn"])
def test_the_other_vggs_train_with_jitter(net):
    experiment = jaxcnn.load(f"vgg_2014:{net}")
    assert experiment.inputs.crop == ScaleJitter(shortest=256, longest=512)
    assert (experiment.scales.dense, experiment.scales.multi_scale) == ((384,), (256, 384, 512))
    assert any("jitter" in deviation for deviation in experiment.deviations)


def test_vggs_recipe_for_a_fixed_scale():
    """The settings in the file's docstring make net D's recipe that of B, which has a fixed scale."""
    fixed = jaxcnn.override(jaxcnn.load("vgg_2014:D"), *settings(jaxcnn.experiments.vgg_2014.__doc__ or ""))
    theirs = jaxcnn.load("vgg_2014:B")
    assert (fixed.inputs, fixed.scales) == (theirs.inputs, theirs.scales)
    assert fixed.scales == Scales(dense=(256,), multi_scale=(224, 256, 288))


@pytest.mark.parametrize("net", ["B", "C", "D", "E", "B-bn", "D-bn", "E-bn"])
def test_what_deeper_vggs_take_over_is_in_net_a(net):
    """Every layer of `init_layers`, of the same shape; with batch norm, each copied convolution's too."""

    def shapes(title):
        model = jaxcnn.load(title).model
        init = partial(model.init, train=False)
        params = jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))["params"]
        return {name: {leaf: value.shape for leaf, value in layer.items()} for name, layer in params.items()}

    bn = "-bn" if net.endswith("-bn") else ""
    ours, theirs = shapes(f"vgg_2014:{net}"), shapes(f"vgg_2014:A{bn}")
    layers = jaxcnn.load(f"vgg_2014:{net}").init_layers
    assert layers is not None and all(ours[name] == theirs[name] for name in layers)
    copied = [name for name in layers if name.startswith("conv") and not name.endswith(".bn")]
    norms = [name for name in layers if name.endswith(".bn")]
    assert norms == ([f"{name}.bn" for name in copied] if bn else [])


def test_caffes_normalisation_can_be_set():
    """The settings in AlexNet's docstring and contradictions are those of `as_in_caffe`; `caffenet` has them."""
    paper = jaxcnn.load("alexnet_2012")
    ablations, _, caffe = (jaxcnn.experiments.alexnet_2012.__doc__ or "").partition("Weights of Caffe")
    assert jaxcnn.override(paper, *settings(caffe)).model == AlexNet.as_in_caffe()
    assert jaxcnn.load("alexnet_2012:caffenet").model == AlexNet.as_in_caffe(pool_first=True)
    assert len(settings(ablations)) == 4 and jaxcnn.override(paper, *settings(ablations)) != paper
    line = next(line for line in paper.paper.contradictions if line.startswith("Towers"))
    assert jaxcnn.override(paper, *settings(line)).model == AlexNet.as_in_caffe()
    googlenet = jaxcnn.load("googlenet_2014")
    line = next(line for line in googlenet.paper.contradictions if line.startswith("Response"))
    model = jaxcnn.override(googlenet, *settings(line)).model
    assert (model.lrn_k, model.lrn_alpha) == (1.0, 2e-5)  # type: ignore[attr-defined]


def test_one_tower_is_another_paper():
    paper, one_tower = jaxcnn.load("alexnet_2012").paper, jaxcnn.load("alexnet_2012:one_tower").paper
    assert (one_tower.authors, one_tower.year) == ("Krizhevsky", 2014) and paper.year == 2012
    assert {43.45} == {result.top1_error for result in one_tower.results}
    assert set(one_tower.contradictions) < set(paper.contradictions)


def test_one_towers_rate_drops_after_each_quarter():
    experiment = jaxcnn.load("alexnet_2012:one_tower")
    per_epoch, steps = 10_009, 900_810  # 1,281,167 pictures in batches of 128
    rates = experiment.schedule.build(steps_per_epoch=per_epoch, total_steps=steps)
    for quarter in (1, 2, 3):
        drop = -(-quarter * steps // 4)
        before, after = (float(rates(jnp.asarray(step, jnp.int32))) for step in (drop - 2, drop + 1))
        assert before / after == pytest.approx(250 ** (1 / 3), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("alexnet_2012", {"60 million", "about 60 million", "about 62 million"}),
        ("alexnet_2012", {"1.7 / 1.2 %", "about 1.7 %"}),
        ("alexnet_2012", {"0.4 / 0.3 %", "about 0.4 %"}),
        ("alexnet_2012", {"2048", "about 2048"}),
        ("vgg_2014", {"138 million", "about 138 million"}),
    ],
)
def test_what_paper_and_lectures_state_both_is_shown_twice(name, stated):
    claims = [claim for claim in jaxcnn.load(name).paper.claims if claim.stated in stated]
    assert {claim.stated for claim in claims} == stated
    assert {claim.source == "lectures" for claim in claims} == {True, False}
