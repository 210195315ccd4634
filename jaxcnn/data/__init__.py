"""Data sets: preparation from the original archives, random access, decoding and batches."""
