"""Runs of versions that didn't have a field yet."""

import dataclasses

import jaxcnn
from jaxcnn.config.serialize import to_json
from jaxcnn.runs.later_fields import LATER, with_later_fields


def test_a_run_without_the_fields_is_completed_by_their_defaults():
    experiment = to_json(jaxcnn.load("nin_2013"))
    older = {
        name: {field: value for field, value in part.items() if field not in LATER.get(str(part.get("type")), {})}
        if isinstance(part, dict)
        else part
        for name, part in experiment.items()
    }
    assert older != experiment and with_later_fields(older) == experiment


def test_the_values_are_the_defaults_of_today():
    parts = {"Inputs": jaxcnn.load("nin_2013").inputs, "NIN": jaxcnn.load("nin_2013").model}
    for name, fields in LATER.items():
        defaults = {field.name: field.default for field in dataclasses.fields(parts[name])}
        assert {field: defaults[field] for field in fields} == fields
