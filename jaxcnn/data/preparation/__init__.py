"""Turning the original archives of a data set, found or downloaded, into a TFDS data set."""
