"""Grids, boxes, colours and planes, pixel by pixel."""

import io

import numpy as np
from PIL import Image

from jaxcnn.inspection.pictures.boxes_on_image import cut_out, outlined
from jaxcnn.inspection.pictures.colours import as_maps, each_alone, overlaid, signal, with_opacity
from jaxcnn.inspection.pictures.grid import beside, grid, squarish
from jaxcnn.inspection.pictures.png import enlarged, png, resized, shrunk
from jaxcnn.inspection.pictures.scatter import scattered

WHITE = np.full((2, 3, 1), 255, np.uint8)


def test_a_grid_has_transparent_gaps():
    pixels = grid([WHITE, WHITE[:1, :1], WHITE], columns=2, gap=1)
    assert pixels.shape == (5, 7, 4)
    opaque = pixels[..., 3] > 0
    wanted = ["###.#..", "###....", ".......", "###....", "###...."]
    wanted[0] = "###..#."  # the small one is in the middle of its cell
    assert ["".join(".#"[int(value)] for value in row) for row in opaque] == wanted
    both = beside(WHITE, WHITE[:1], gap=2)
    assert both.shape == (2, 8, 4) and (both[..., 3] > 0).sum() == 9


def test_an_outline_lies_within_its_box():
    drawn = outlined(np.zeros((12, 12, 1), np.uint8), (1, 2, 5, 6), (255, 0, 9), factor=2, width=1)
    red = drawn[..., 0] == 255
    rows, columns = np.nonzero(red)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 9, 4, 11) and red.sum() == 2 * 8 + 2 * 6
    image = np.arange(36).reshape(6, 6, 1)
    assert cut_out(image, (1, 2, 3, 5)).ravel().tolist() == [8, 9, 10, 14, 15, 16]


def test_colours():
    kernels = np.stack([np.linspace(-3, 1, 12), np.linspace(5, 6, 12), np.ones(12)]).reshape(3, 2, 2, 3)
    alone = each_alone(kernels)
    assert alone[0].min() == alone[1].min() == 0 and alone[0].max() == alone[1].max() == 255 and not alone[2].any()
    positive, signed = as_maps(np.array([0.0, 2.0])), as_maps(np.array([-1.0, 0.0, 1.0]))
    assert positive[1, 1] > 200 and positive[0, 2] > positive[0, 1], "yellow; dark violet"
    assert signed[0, 2] > signed[0, 0] and signed[2, 0] > signed[2, 2] and signed[1, :3].min() > 240, "blue, white, red"
    assert signal(np.array([[[0.0], [5.0], [-5.0]]])).ravel().tolist() == [128, 255, 0]
    assert (signal(np.zeros((2, 2, 3))) == 128).all()
    image = np.full((2, 2, 3), 90, np.uint8)
    laid = overlaid(image, np.array([[0.0, 1.0], [0.5, 0.0]]))
    assert (laid[0, 0, :3] == 90).all() and laid[0, 1].sum() > laid[1, 0].sum() > laid[0, 0].sum()
    assert (overlaid(image, np.zeros((2, 2)))[..., :3] == 90).all()
    assert with_opacity(image).shape == (2, 2, 4) and with_opacity(with_opacity(image)).shape == (2, 2, 4)


def test_sizes():
    assert enlarged(np.arange(2).reshape(1, 2), 2).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1]]
    assert shrunk(np.zeros((100, 50, 3), np.uint8), 20).shape == (20, 10, 3)
    assert shrunk(np.zeros((10, 5, 3), np.uint8), 20).shape == (10, 5, 3)
    assert resized(np.eye(2), 4, 4)[0, 0] == 1 and resized(np.ones((3, 5)), 7, 9).shape == (7, 9)
    assert squarish(np.arange(7.0)).tolist() == [[0, 1, 2], [3, 4, 5], [6, 0, 0]]
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 4), np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png(pixels)))) == pixels).all() and png(pixels) == png(pixels.copy())


def test_thumbnails_are_where_their_places_say():
    tiles = [np.full((2, 2, 3), value, np.uint8) for value in (10, 20, 30)]
    plane = scattered(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]]), tiles, side=10)
    assert plane[9, 0, 0] == 10 and plane[9, 9, 0] == 20 and plane[0, 0, 0] == 30 and not plane[4, 4, 3]
    assert scattered(np.zeros((3, 2)), tiles, side=10)[9, 0, 0] == 30, "all at one place"
