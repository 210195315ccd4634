"""Which of the paper's figures is for which run."""

import pytest

import jaxcnn
from jaxcnn.runs.comparison import comparison, is_for

OURS = {"top1_error": 9.0, "top5_error": 1.0}


def found(title: str, data: str, *protocols: str, settings: tuple[str, ...] = ()) -> list[tuple]:
    experiment = jaxcnn.override(jaxcnn.load(title), *settings)
    compared = comparison(experiment, data, dict.fromkeys(protocols, OURS))
    return [
        (entry["source"], *(entry[name] and entry[name]["paper"] for name in ("top1_error", "top5_error")))
        for entry in compared
    ]


def test_of_seven_depths_one_is_ours():
    assert found("resnet_cifar_2015:20", "cifar10", "center") == [("Table 6, 20 layers", 8.75, None)]
    assert [error for _, error, _ in found("resnet_cifar_2015:110", "cifar10", "center")] == [6.61, 6.43]
    assert found("resnet_cifar_2015:plain-20", "cifar10", "center") == []


def test_the_difference_is_ours_less_the_papers():
    (entry,) = comparison(jaxcnn.load("resnet_cifar_2015:20"), "cifar10", {"center": OURS})
    assert entry["top1_error"] == {"ours": 9.0, "paper": 8.75, "difference": 0.25} and entry["top5_error"] is None


def test_data_and_protocol_must_be_the_papers():
    assert found("resnet_cifar_2015:20", "photos", "center") == []
    assert found("alexnet_2012", "imagenet2012", "center") == []
    assert found("alexnet_2012", "imagenet2012", "center", "ten_crop") == [("Table 2, one CNN", 40.7, 18.2)]


@pytest.mark.parametrize(
    ("settings", "error"),
    [((), 10.41), (("inputs.pad=4", "inputs.mirror=True"), 8.81), (("inputs.pad=4",), None)],
)
def test_a_setting_chooses_among_the_papers_results(settings, error):
    results = found("nin_2013:cifar10", "cifar10", "center", settings=settings)
    assert [result[1] for result in results][:1] == ([] if error is None else [error])


def test_a_figure_that_is_printed_twice_counts_once():
    assert found("vgg_2014:D", "imagenet2012", "multi_scale") == [("Table 4, D, jitter", 24.8, 7.5)]
    at_256 = ("inputs.crop.shortest=256", "inputs.crop.longest=256", "scales.dense=(256,)")
    at_256 = (*at_256, "scales.multi_scale=(224, 256, 288)")
    assert found("vgg_2014:D", "imagenet2012", "dense", settings=at_256) == [("Table 3, D, S = 256", 27.0, 8.8)]


EVERY = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]


@pytest.mark.parametrize("name", jaxcnn.names())
def test_figures_name_variants_that_exist_and_fields_that_they_have(name):
    variants = [jaxcnn.load(f"{name}:{variant}") for variant in jaxcnn.variants(name)]
    for result in {result for variant in variants for result in variant.paper.results}:
        assert set(result.variants) <= {variant.variant for variant in variants}
        for path, value in result.settings:
            for variant in variants:
                if variant.variant in result.variants:
                    jaxcnn.override(variant, f"{path}={value}")
    # Each paper's own network stands beside its figure; the book of `cnn_primer` gives none.
    first = variants[0]
    assert any(is_for(result, first) for result in first.paper.results) == (name != "cnn_primer")
