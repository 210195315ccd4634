"""One module for each format of original archives, and the writer of TFDS data sets."""
