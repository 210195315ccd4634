"""From the bytes of a data set to batches: sources, decoding, loading, preparation."""
