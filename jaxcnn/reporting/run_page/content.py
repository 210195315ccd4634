"""What a report knows of a run: plain values, read from its folder."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

Event = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContent:
    """A run, going or finished, or imported weights.

    Attributes:
      folder: its name, as it was given.
      experiment: what experiment.json says of the experiment.
      versions, commit: of the packages and of the source, when the run began.
      imported: where its weights come from, if it was made of a file of weights.
      events: those of metrics.jsonl, in their order.
      summary: summary.json, once the run is finished.
      evaluation: evaluation.json, once it is finished.
      layers: {"rows": […], "total_params", "total_macs"}, or None where the network can't be rebuilt.
      paper: {"title", "authors", "year", "venue"}, or None.
      compared: our newest errors beside the paper's (`runs.comparison`).
      departures: in what it isn't as in the paper; None where there is no recipe to depart from.
      planned: the recipe's steps, or None.
      commands: (what it does, command), to repeat the run.
    """

    folder: str
    experiment: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str | None
    imported: Mapping[str, Any] | None
    events: Sequence[Event]
    summary: Mapping[str, Any] | None
    evaluation: Mapping[str, Any] | None
    layers: Mapping[str, Any] | None
    paper: Mapping[str, Any] | None
    compared: Sequence[Mapping[str, Any]]
    departures: Sequence[str] | None
    planned: int | None
    commands: Sequence[tuple[str, str]]

    @property
    def title(self) -> str:
        """The experiment and the data: "lenet5_1998:paper on mnist"."""
        return f"{self.experiment['name']}:{self.experiment['variant']} on {self.experiment['data']}"

    @property
    def step(self) -> int:
        """How far it has come."""
        return max((event["step"] for event in self.events), default=0)

    @property
    def newest(self) -> Mapping[str, Mapping[str, Any]]:
        """Protocol → its errors: those of the end, or of the newest evaluation so far; empty if there was none."""
        if self.summary is not None:
            return self.summary["evaluation"]
        found = self.named("evaluation")
        return {"center": found[-1]} if found else {}

    def named(self, event: str) -> list[Event]:
        """The events of this name. A window that an interruption cut short gives way to the whole one behind it."""
        found = [entry for entry in self.events if entry["event"] == event]
        return [entry for entry in found if not entry.get("early") or entry is found[-1]]
