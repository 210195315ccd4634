"""Weights in and out: files of other programs."""
