"""Several images as one, in rows and columns with transparent gaps, so that it lies on any ground."""

from collections.abc import Sequence

import numpy as np

from jaxcnn.inspection.pictures.colours import with_opacity

CLEAR, FRAME = (0, 0, 0, 0), (128, 128, 128, 110)  # what lies between images: nothing, or a grey on any ground


def grid(
    images: Sequence[np.ndarray] | np.ndarray, columns: int, gap: int = 1, ground: tuple[int, int, int, int] = CLEAR
) -> np.ndarray:
    """One image of many, row by row.

    Args:
      images: uint8 [h, w, 1, 3 or 4], each in the middle of a cell that holds the largest.
      columns: in each row.
      gap: between cells, pixels.
      ground: red, green, blue and opacity between the images; `FRAME` where they may be as white as the page.

    Returns:
      uint8 [height, width, 4].
    """
    tiles = [with_opacity(image) for image in images]
    height, width = max(tile.shape[0] for tile in tiles), max(tile.shape[1] for tile in tiles)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    whole[:] = ground
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top = row * (height + gap) + (height - tile.shape[0]) // 2
        left = column * (width + gap) + (width - tile.shape[1]) // 2
        whole[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return whole


def beside(left: np.ndarray, right: np.ndarray, gap: int = 18) -> np.ndarray:
    """Two images side by side, the tops of both at the top, with a transparent gap."""
    left, right = with_opacity(left), with_opacity(right)
    height = max(left.shape[0], right.shape[0])
    whole = np.zeros((height, left.shape[1] + gap + right.shape[1], 4), np.uint8)
    whole[: left.shape[0], : left.shape[1]] = left
    whole[: right.shape[0], left.shape[1] + gap :] = right
    return whole


def squarish(values: np.ndarray) -> np.ndarray:
    """A vector as a map that is about square; what is left over at its end is 0."""
    columns = int(np.ceil(np.sqrt(len(values))))
    rows = -(-len(values) // columns)
    return np.pad(values, (0, rows * columns - len(values))).reshape(rows, columns)
