"""A report's sections in their order."""

from collections.abc import Sequence

from markupsafe import Markup

from jaxcnn.reporting.pages.page import page
from jaxcnn.reporting.run_page.classes import by_class
from jaxcnn.reporting.run_page.content import RunContent
from jaxcnn.reporting.run_page.curves import curves
from jaxcnn.reporting.run_page.headline import beside_the_paper, headline, lead
from jaxcnn.reporting.run_page.images import filters, hardest
from jaxcnn.reporting.run_page.origin import commands, cost, environment, layers
from jaxcnn.reporting.run_page.several import over_seeds, side_by_side


def compose(runs: Sequence[RunContent]) -> str:
    """The page of one run, or of several beside each other."""
    return one(runs[0]) if len(runs) == 1 else several(runs)


def one(run: RunContent) -> str:
    """The page of a run."""
    sections = [
        beside_the_paper(run),
        curves([run]),
        *by_class(run),
        *hardest(run),
        *filters(run),
        *layers(run),
        cost(run),
        environment(run),
        commands(run),
    ]
    return page(run.title, sections, lead=lead(run))


def several(runs: Sequence[RunContent]) -> str:
    """The page of several runs: headlines, the spread over seeds, curves over each other."""
    lines = [Markup("<li><b>{}</b> ({}): {}</li>").format(run.folder, run.title, headline(run)) for run in runs]
    lead = Markup("<ul>{}</ul>").format(Markup("").join(lines))
    return page(f"{len(runs)} runs", [side_by_side(runs), *over_seeds(runs), curves(runs)], lead=lead)
