"""summary.json: the results of a finished run."""

import json
from pathlib import Path
from typing import Any

from jaxcnn.config.serialize import to_json
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.evaluation.image_results import ImageResults
from jaxcnn.reporting.record import FINAL
from jaxcnn.runs.comparison import comparison
from jaxcnn.runs.departures import departures
from jaxcnn.runs.disk_errors import refusal
from jaxcnn.runs.folder import params_sha256
from jaxcnn.runs.run import Run

Images = dict[str, ImageResults]  # by protocol


def finished(path: Path, stop: int) -> dict[str, Any] | None:
    """The summary of a run that has reached step `stop`; None if there is none, or only a damaged one."""
    try:
        summary = json.loads(path.read_text())
        return summary if summary["steps"] >= stop else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(path, error) from error
    except (ValueError, KeyError, TypeError):  # it is made again from the newest checkpoint
        return None


def summarise(run: Run, choice: Choice) -> tuple[dict[str, Any], Images]:
    """Evaluates by each of the experiment's protocols.

    Returns:
      The content of summary.json, and what became of each image by each protocol.
    """
    experiment = run.experiment
    found = {name: run.evaluate_images(name) for name in experiment.protocols}
    evaluation = {name: metrics for name, (metrics, _) in found.items()}
    for name, metrics in evaluation.items():
        run.record.write(run.step, FINAL + name, **metrics)
    summary = {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "data": choice.name,
        "class_names": run.checkpoint_record["class_names"],
        "rehearsal": choice.rehearsal,
        "how_to_get_the_data": choice.how_to_get if choice.rehearsal else None,
        "steps": run.step,
        "examples": run.step * experiment.batch_size,
        "seconds": run.seconds,
        "train": run.record.train_means(since=run.step - run.length.steps_per_epoch),
        "evaluation": evaluation,
        "paper": to_json(experiment.paper.results),
        "comparison": comparison(experiment, choice.name, evaluation),
        "departures": departures(
            experiment,
            data=choice.name,
            rehearsal=choice.rehearsal,
            stop=run.step,
            planned=run.length.planned,
        ),
        "params_sha256": params_sha256(run.whole_params),
    }
    return summary, {name: images for name, (_, images) in found.items()}
