"""The dataclasses of an experiment, their overrides, and their form as JSON."""
