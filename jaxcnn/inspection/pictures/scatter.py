"""Thumbnails at their places in a plane."""

import numpy as np

from jaxcnn.inspection.pictures.colours import with_opacity


def scattered(places: np.ndarray, thumbnails: list[np.ndarray], side: int = 900) -> np.ndarray:
    """Each thumbnail around its place; later ones cover earlier ones.

    Args:
      places: float [images, 2], in any unit; the second axis points upwards.
      thumbnails: uint8 [h, w, 1, 3 or 4].
      side: of the whole image, pixels.

    Returns:
      uint8 [side, side, 4].
    """
    tiles = [with_opacity(one) for one in thumbnails]
    largest = max(max(tile.shape[:2]) for tile in tiles)
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    share = (places - low) / np.where(span > 0, span, 1)
    canvas = np.zeros((side, side, 4), np.uint8)
    for (right, up), tile in zip(share, tiles, strict=True):
        top, left = round((1 - float(up)) * (side - largest)), round(float(right) * (side - largest))
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return canvas
