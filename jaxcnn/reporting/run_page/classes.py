"""What the test says class by class: errors, which classes are taken for which, and calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from jaxcnn.reporting.charts.axis import Axis
from jaxcnn.reporting.charts.heat_table import heat_table
from jaxcnn.reporting.charts.line_chart import Series, line_chart
from jaxcnn.reporting.pages.page import Section, figure, table
from jaxcnn.reporting.run_page.content import RunContent

FEW = 20  # classes of which the whole matrix is shown
PAIRS = 30  # of classes that are taken for each other, where there are more


def by_class(run: RunContent) -> list[Section]:
    """The sections on classes and calibration; none before the run's end."""
    if run.evaluation is None:
        return []
    protocol = run.evaluation["protocol"]
    found = run.evaluation["protocols"][protocol]
    names = list(found["per_class"])
    how = f"By the protocol {protocol}, at step {run.evaluation['step']:,}."
    return [
        Section("Errors by class", _said(how) + errors(found["per_class"])),
        Section("Which class is taken for which", confusions(names, found["confusion"])),
        Section("Calibration", calibration(found)),
    ]


def _said(text: str) -> Markup:
    return Markup('<p class="muted">{}</p>').format(text)


def errors(per_class: Mapping[str, Mapping[str, Any]]) -> Markup:
    """The classes in descending order of their errors; of more than `FEW`, the others are folded up."""
    ordered = sorted(per_class.items(), key=lambda entry: -(entry[1]["top1_error"] or 0.0))
    rows = [[name, _bar(entry["top1_error"]), f"{entry['count']:,}"] for name, entry in ordered]
    header = ["class", "top-1 error", "images"]
    first = table(header, rows[:FEW], label="Errors by class, the largest first", numeric=[2])
    if len(rows) <= FEW:
        return first
    rest = table(header, rows[FEW:], label="Errors of the other classes", numeric=[2])
    return first + Markup("<details><summary>The other {} classes</summary>{}</details>").format(len(rows) - FEW, rest)


def _bar(error: float | None) -> Markup | str:
    if error is None:
        return "no images"
    return Markup('<span class="bar" style="width: {}rem"></span>{} %').format(f"{error / 12:.2f}", f"{error:.2f}")


def confusions(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """The whole matrix of few classes; of many, the most frequent confusions."""
    if len(names) <= FEW:
        return heat_table(names, counts, label="Confusion matrix: rows are true classes, columns predicted ones")
    pairs = [
        (count, names[true], names[predicted], sum(counts[true]))
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    pairs.sort(key=lambda pair: -pair[0])
    rows = [
        [true, predicted, f"{count:,}", f"{100 * count / total:.1f} %"]
        for count, true, predicted, total in pairs[:PAIRS]
    ]
    header = ["true class", "taken for", "images", "of the class"]
    return table(header, rows, label="The most frequent confusions", numeric=[2, 3])


def calibration(found: Mapping[str, Any]) -> Markup:
    """The reliability curve, and how far it is from the diagonal."""
    error, bins = found["expected_calibration_error"], [entry for entry in found["calibration"] if entry["count"]]
    if error is None:
        return _said("The network gives no probabilities that are numbers.")
    share = f"{100 * error:.2f} %"
    alternative = f"Share of right predictions over the probability that the network gives them; mean distance {share}."
    whole = Axis(0.0, 1.0)
    points = [(entry["confidence"], entry["accuracy"]) for entry in bins]
    series = [
        Series("this run", points),
        Series("calibrated", [(0.0, 0.0), (1.0, 1.0)], colour=1, dashed=True, marked=False),
    ]
    chart = line_chart(
        series,
        x_label="probability of the predicted class",
        y_label="share that is right",
        alternative=alternative,
        x_axis=whole,
        y_axis=whole,
    )
    text = (
        f"The expected calibration error is {share}: by so much, on average over the images, the probability of the "
        "predicted class differs from the share of predictions that are right, in 15 bins of equal width."
    )
    rows = [
        [
            f"{entry['lower']:.3f} – {entry['upper']:.3f}",
            f"{entry['count']:,}",
            f"{entry['confidence']:.4f}",
            f"{entry['accuracy']:.4f}",
        ]
        for entry in bins
    ]
    header = ["probability", "images", "mean probability", "share that is right"]
    listed = table(header, rows, label="The bins of the reliability curve", numeric=[1, 2, 3])
    folded = Markup("<details><summary>Values</summary>{}</details>").format(listed)
    return Markup("<p>{}</p>").format(text) + figure(chart, alternative) + folded
