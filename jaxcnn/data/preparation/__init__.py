"""A data set's original archives, found or downloaded, become a TFDS data set."""
