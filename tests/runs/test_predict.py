"""Predictions beside an evaluation of the same images, and beside NumPy; images that can't be read; devices."""

import csv
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxcnn
from jaxcnn.data.class_names import imagenet_names
from jaxcnn.data.decoding.any_image import read_image
from jaxcnn.data.embedded import Digits
from jaxcnn.data.loading import images as loading_images
from jaxcnn.data.loading.images import open_images
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.evaluation.classifier import Classifier
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.folder import claim_workdir, identity
from jaxcnn.runs.predict import predict, predictions
from jaxcnn.runs.trained import TrainedNetwork, load_trained
from jaxcnn.training.state import init


@pytest.fixture(scope="module")
def run(tmp_path_factory, linear):
    """A run of the linear network, with another mean and larger squares than the network sees."""
    folder = tmp_path_factory.mktemp("linear") / "run"
    inputs = dataclasses.replace(linear.inputs, stored_size=10)
    experiment = dataclasses.replace(linear, inputs=inputs)
    fit(experiment, workdir=folder)
    return folder, experiment


@pytest.fixture(scope="module")
def trained(run):
    return load_trained(run[0], experiment=run[1])


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """Equal classes and, but for the rounding of batches of other sizes, equal probabilities."""
    assert [entry["label"] for entry in found] == [entry["label"] for entry in expected]
    np.testing.assert_allclose(*([entry["probability"] for entry in top] for top in (found, expected)), rtol=1e-5)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The test images of digits as PNG, and their labels."""
    folder = tmp_path_factory.mktemp("digits")
    images = Digits("test")
    for number in range(len(images)):
        Image.fromarray(images[number]["image"][:, :, 0]).save(folder / f"{number:03}.png")
    return folder, [images[number]["label"] for number in range(len(images))]


def test_errors_are_those_of_an_evaluation_to_the_image(run, trained, digits):
    folder, experiment = run
    errors = evaluate(folder, experiment=experiment)["protocols"]["center"]
    found = predict(trained, digits[0])
    assert [answer["image"] for answer in found] == [f"{digits[0]}/{number:03}.png" for number in range(359)]
    pairs = list(zip(found, digits[1], strict=True))
    first = sum(answer["top"][0]["label"] != label for answer, label in pairs)
    five = sum(label not in [entry["label"] for entry in answer["top"]] for answer, label in pairs)
    assert errors["count"] == 359 and 0 < five < first < 359
    assert (100 * first / 359, 100 * five / 359) == pytest.approx((errors["top1_error"], errors["top5_error"]))


def test_probabilities_are_the_softmax(trained, digits):
    """By NumPy, from the files on."""
    kernel, bias = (np.asarray(trained.variables["params"]["fc"][name], np.float64) for name in ("kernel", "bias"))
    paths = [digits[0] / f"{number:03}.png" for number in (3, 200)]
    for path, answer in zip(paths, predict(trained, paths, top=10), strict=True):
        square = np.asarray(Image.open(path).resize((10, 10), Image.Resampling.BILINEAR), np.float64)
        scores = ((square[1:9, 1:9] - 64) / 255).reshape(-1) @ kernel.reshape(64, 10) + bias
        expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert [entry["label"] for entry in answer["top"]] == np.argsort(-expected).tolist()
        np.testing.assert_allclose([entry["probability"] for entry in answer["top"]], -np.sort(-expected), rtol=1e-5)
        assert [entry["name"] for entry in answer["top"]] == [str(entry["label"]) for entry in answer["top"]]


def test_what_a_notebook_uses(trained, digits):
    paths = [digits[0] / "005.png", digits[0] / "006.png"]
    squares = trained.read_images(paths)
    assert squares.shape == (2, 10, 10, 1) and squares.dtype == np.uint8
    scores = trained.logits(trained.preprocess(squares))
    found = trained.predict(paths, top=1)
    assert [answer["top"][0]["label"] for answer in found] == scores.argmax(axis=1).tolist()
    best = jax.nn.softmax(scores).max(axis=1)
    np.testing.assert_allclose([answer["top"][0]["probability"] for answer in found], best, rtol=1e-6)
    assert trained.step == 20 and trained.names == tuple("0123456789")
    assert repr(trained) == "TrainedNetwork(linear:test, 10 classes, step 20)"
    assert jaxcnn.predict is predict and predict(trained, paths, top=1) == found


def test_lenets_distances_become_probabilities(digits):
    """The paper's outputs are minus squared distances; `evaluate` averages their softmax, and here it is too."""
    experiment = jaxcnn.load("lenet5_1998")
    variables = {"batch_stats": {}, **init(experiment.model, experiment), "statistics": {}}
    network = TrainedNetwork(experiment, variables, (), 0)
    (answer,) = predict(network, digits[0] / "000.png", top=10)
    scores = np.asarray(network.logits(network.preprocess(network.read_images(digits[0] / "000.png"))), np.float64)[0]
    assert (scores < 0).all()
    expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    found = {entry["label"]: entry["probability"] for entry in answer["top"]}
    np.testing.assert_allclose([found[label] for label in range(10)], expected, rtol=1e-4, atol=1e-12)


def test_damaged_images_among_good_ones(trained, digits, tmp_path):
    (tmp_path / "bad.png").write_bytes((digits[0] / "000.png").read_bytes()[:60])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "lost.jpg").symlink_to("nowhere.jpg")
    good = digits[0] / "001.png"
    found = predict(trained, [good, tmp_path, good])
    assert [list(answer) for answer in found] == [["image", "top"], *[["image", "error"]] * 3, ["image", "top"]]
    for answer in (found[0], found[4]):
        assert_same(answer["top"], predict(trained, good)[0]["top"])
    assert found[1]["image"] == f"{tmp_path}/bad.png" and found[1]["error"].startswith("not a readable image")
    assert found[2]["error"] == "not a readable image: unknown format"
    assert found[3]["error"] == "can't be read: No such file or directory"
    with pytest.raises(JaxcnnError, match=r"bad\.png: not a readable image.*; leave it out, or replace it"):
        trained.read_images([good, tmp_path])


def test_a_batch_of_damaged_images_alone(trained, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("no image")
    assert all("error" in answer for answer in predict(trained, tmp_path))


@pytest.mark.parametrize("count", [1, 3, 31, 32, 33, 70])
def test_any_number_of_images_gives_the_same(trained, digits, count):
    """Whatever is padded, and over however many devices a batch is divided."""
    paths = [digits[0] / f"{number:03}.png" for number in range(count)]
    alone = {path.name: trained.predict(path)[0] for path in paths[-3:]}
    for answer in predict(trained, paths)[-3:]:
        assert_same(answer["top"], alone[answer["image"].rpartition("/")[2]]["top"])


def test_few_programs_are_compiled(run, digits, monkeypatch):
    compiled = []
    compile_one = Classifier._compile

    def spy(self, batch, top):
        compiled.append((len(batch["image"]), len(batch["image"].sharding.device_set)))
        return compile_one(self, batch, top)

    monkeypatch.setattr(Classifier, "_compile", spy)
    trained = load_trained(run[0], experiment=run[1])
    paths = [digits[0] / f"{number:03}.png" for number in range(359)]
    for count in (1, 3, 4, 20, 30, 359, 359, 2):
        assert len(trained.predict(paths[:count])) == count
    assert compiled == [(1, 1), (4, 1), (32, 1), (256, 8), (2, 1)]


def test_only_few_images_are_decoded_ahead(trained, digits, monkeypatch):
    """Whatever the number of images; and an answer comes before the last image is read."""
    read = []

    def spy(path):
        read.append(path)
        return read_image(path)

    monkeypatch.setattr(loading_images, "read_image", spy)
    images = open_images([digits[0]] * 10)
    answers = predictions(trained, images)
    assert read == []
    next(answers)
    assert 512 <= len(read) <= 512 + 3 * default_threads() < len(images)  # two batches, and what threads have begun
    answers.close()


def test_the_experiment_says_how_many_are_evaluated_at_a_time(run, digits, monkeypatch):
    folder, experiment = run
    network = load_trained(folder, experiment=dataclasses.replace(experiment, evaluation_batch_size=10))
    assert network.predictor._layout(6) == (1, 8) and network.predictor._layout(10) == (1, 10)
    assert network.predictor._layout(11) == (8, 16)
    assert len(network.predict(digits[0])) == 359


def test_top(trained, digits):
    path = digits[0] / "000.png"
    assert len(predict(trained, path)[0]["top"]) == 5
    for top, count in ((1, 1), (3, 3), (10, 10), (1000, 10)):
        entries = predict(trained, path, top)[0]["top"]
        probabilities = [entry["probability"] for entry in entries]
        assert len(entries) == count and probabilities == sorted(probabilities, reverse=True)
    for top in (0, -1, 2.5, True, "5"):
        with pytest.raises(UsageError, match=r"top \(=.*\) must be a positive whole number"):
            predict(trained, path, top)  # pyright: ignore[reportArgumentType]


def test_colours_for_a_grey_network_and_arrays(trained, digits, tmp_path):
    grey = np.asarray(Image.open(digits[0] / "007.png"))
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "colour.png")
    expected = predict(trained, digits[0] / "007.png")[0]["top"]
    stack = np.stack([grey, grey])[..., None]
    for images in (tmp_path / "colour.png", grey, [grey[:, :, None]], stack, [np.dstack([grey] * 3), grey]):
        for answer in predict(trained, images):
            assert_same(answer["top"], expected)
    assert [answer["image"] for answer in trained.predict(stack)] == ["images[0]", "images[1]"]
    for images in (grey.astype(np.float32), [], np.zeros((0, 8, 8, 1), np.uint8)):
        with pytest.raises(UsageError, match=r"must be uint8|there are no images"):
            trained.predict(images)


def test_a_network_without_names(trained, digits):
    nameless = dataclasses.replace(trained, class_names=())
    assert nameless.predict(digits[0] / "000.png")[0]["top"][0]["name"] in set("0123456789")
    wide = trained.experiment.model.clone(num_classes=1000)
    experiment = dataclasses.replace(trained.experiment, model=wide)
    params = {"fc": {"kernel": jnp.zeros((8, 8, 1, 1000)), "bias": jnp.arange(1000.0)}}
    params = jax.tree.map(lambda old, new: new.reshape(*old.shape[:-1], 1000), trained.variables["params"], params)
    network = dataclasses.replace(
        nameless, experiment=experiment, variables={"params": params, "batch_stats": {}, "statistics": {}}
    )
    best = network.predict(digits[0] / "000.png", top=2)[0]["top"]
    assert [entry["name"] for entry in best] == [imagenet_names()[999], imagenet_names()[998]]


def test_outputs_that_are_not_finite_are_an_error(trained, digits):
    params = jax.tree.map(lambda x: x * jnp.nan, trained.variables["params"])
    broken = dataclasses.replace(trained, variables={**trained.variables, "params": params})
    assert broken.predict(digits[0] / "000.png")[0]["error"] == "the network's outputs for it aren't finite"


class Told(Silent):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
        self.steps.append((what, done, total))


def test_progress_and_skipped_files_are_told(trained, digits, tmp_path):
    (tmp_path / "notes.txt").write_text("")
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    display = Told()
    predict(trained, [digits[0], tmp_path], display=display)
    assert display.lines == ["note: 1 files in the folders aren't images, and were left out."]
    assert display.steps == [("predict", 256, 360), ("predict", 360, 360)]


def test_csv(trained, digits, tmp_path):
    folder = tmp_path / 'a, "b" 고양이'
    folder.mkdir()
    Image.open(digits[0] / "000.png").save(folder / "good.png")
    (folder / "bad.png").write_text("")
    named = dataclasses.replace(trained, class_names=tuple(f'no. {n}, "{n}"' for n in range(10)))
    found = predict(named, folder, top=2, csv=tmp_path / "out.csv")
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        header, bad, good = csv.reader(file)
    assert header == ["image", "error", *("label_1", "name_1", "probability_1", "label_2", "name_2", "probability_2")]
    assert bad == [f"{folder}/bad.png", "not a readable image: unknown format", *[""] * 6]
    cells = [str(entry[field]) for entry in found[1]["top"] for field in ("label", "name", "probability")]
    assert good == [f"{folder}/good.png", "", *cells]


def test_csv_is_checked_before_anything_is_computed(digits, tmp_path):
    image = digits[0] / "000.png"
    for path, message in (
        (image, r"--csv=.*000\.png is one of the images"),
        (tmp_path / "no" / "a.csv", "there is no folder"),
        (tmp_path, "must be a file"),
    ):
        with pytest.raises(UsageError, match=message):
            predict("nowhere", image, csv=path)
    with Image.open(image) as opened:
        assert opened.size == (8, 8)  # still there


def test_loading_says_nothing(run, caplog):
    load_trained(run[0], experiment=run[1])
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_what_is_no_run(digits, tmp_path, linear):
    image = digits[0] / "000.png"
    with pytest.raises(UsageError, match="is no run's folder"):
        predict(tmp_path, image)
    claim_workdir(tmp_path / "run", identity(linear, data="digits", rehearsal=False, seed=0))
    with pytest.raises(DataMissingError, match="no complete checkpoint"):
        load_trained(tmp_path / "run", experiment=linear)


def test_another_experiment_than_the_runs_is_refused(run, linear):
    other = dataclasses.replace(linear, inputs=dataclasses.replace(linear.inputs, channels=3))
    with pytest.raises(UsageError, match=r"the network of linear:test isn't the one in .*other names or shapes"):
        load_trained(run[0], experiment=other)
