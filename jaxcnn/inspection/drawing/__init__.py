"""Drawings of networks to scale, in the manner of their papers' figures, from the same layer table as `describe`."""

from jaxcnn.inspection.drawing.network import draw

__all__ = ["draw"]
