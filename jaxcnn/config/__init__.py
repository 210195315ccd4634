"""What an experiment is: its dataclasses, their overrides, and how they are written as JSON."""
