"""3×3 convolution with 16 products for four outputs instead of 36.

Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, §4.1, F(2×2, 3×3), after Winograd 1980:
Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for each 4×4 tile d of an image; tiles overlap by two pixels. Summed over the input
maps, each of the 16 places of a tile is a matrix product of its own, [tiles, inputs] @ [inputs, outputs].

It is as exact as the plain form: both are within 1e-6 of the largest value. The 16 places are 16 arrays, because XLA
doesn't vectorise its loop over one array of them.

It can go when XLA's CPU convolution has a fast algorithm of its own, or its direct one is twice as fast.
"""

import functools
import math
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.models.kernels.backend import single_device
from jaxcnn.models.kernels.padded_matmul import summed, times
from jaxcnn.models.kernels.reference import Sides, plain

Grid = list[list[jax.Array]]  # of the places of a tile, of a kernel or of an output: rows of columns
Matrix = Sequence[Sequence[float]]

OF_IMAGE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # Bᵀ
OF_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OF_OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # Aᵀ
FLIPPED = (3, 1, 2, 0)  # G of a flipped kernel: the same rows in another order

# With fewer maps in or out, transforming the tiles costs more than it saves; the second: for the kernel's gradient.
FEW_MAPS, FEW_MAPS_OF_KERNEL = 32, 64
# With fewer tiles, transforming the kernel costs as much as the tiles save, and each such layer takes a second longer
# to compile.
FEW_TILES = 100
# How many times fewer products there must be. Tiles reach beyond maps of odd size; 7×7 maps (1.7 times) gain nothing.
PRODUCTS_SAVED = 1.8


def suits(images: jax.Array, kernel: jax.Array, padding: Sides) -> bool:
    """Whether `winograd_conv` can do this convolution of stride 1 and is quicker."""
    size, maps = kernel.shape[:2], min(kernel.shape[2:])
    floats = images.dtype == kernel.dtype == jnp.float32
    if size != (3, 3) or maps < FEW_MAPS or not floats or max(map(max, padding)) > 2:
        return False
    tiles = math.prod(_tile_counts(images, padding))
    outputs = math.prod(n + sum(sides) - 2 for n, sides in zip(images.shape[1:3], padding, strict=True))
    return images.shape[0] * tiles >= FEW_TILES and 9 * outputs >= PRODUCTS_SAVED * 16 * tiles


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def winograd_conv(images: jax.Array, kernel: jax.Array, padding: Sides) -> jax.Array:
    """Cross-correlation at stride 1. images: [batch, height, width, inputs]; kernel: [3, 3, inputs, outputs].

    padding: of 0 to 2 pixels a side.
    """
    return _correlate(images, _places(kernel), padding)


def _forward(images, kernel, padding):
    return _correlate(images, _places(kernel), padding), (images, kernel)


def _backward(padding, residuals, gradient):
    images, kernel = residuals
    places = _places(kernel)
    flipped = [[places[i][j] for j in FLIPPED] for i in FLIPPED]
    (top, bottom), (left, right) = padding
    around = (2 - top, 2 - bottom), (2 - left, 2 - right)
    of_images = _correlate(gradient, flipped, around, transposed=True)
    if single_device() and min(kernel.shape[2:]) >= FEW_MAPS_OF_KERNEL:
        return of_images, _kernel_gradient(images, gradient, padding)
    # 16 sums for 9 weights: devices that share a batch would have to add up all of them.
    _, plainly = jax.vjp(lambda kernel: plain(images, kernel, (1, 1), padding), kernel)
    return of_images, *plainly(gradient)


winograd_conv.defvjp(_forward, _backward)


def _correlate(images: jax.Array, places: Grid, padding: Sides, *, transposed: bool = False) -> jax.Array:
    """places: of the kernel, [inputs, outputs] each; `transposed`: [outputs, inputs]."""
    rows, columns = (n + sum(sides) - 2 for n, sides in zip(images.shape[1:3], padding, strict=True))

    def product(tiles: jax.Array, weights: jax.Array) -> jax.Array:
        *tile, inputs = tiles.shape
        found = times(tiles.reshape(-1, inputs), weights, transposed=transposed)
        return found.reshape(*tile, found.shape[1])

    tiles = _tiles(images, padding)
    products = [list(map(product, *row)) for row in zip(tiles, places, strict=True)]
    outputs = _transform(OF_OUTPUT, products)
    batch, down, across, maps = outputs[0][0].shape
    whole = jnp.stack([jnp.stack(row, axis=3) for row in outputs], axis=2)  # [batch, down, 2, across, 2, maps]
    return whole.reshape(batch, 2 * down, 2 * across, maps)[:, :rows, :columns]


def _kernel_gradient(images: jax.Array, gradient: jax.Array, padding: Sides) -> jax.Array:
    """[3, 3, inputs, outputs]; gradient: of the outputs."""
    tiles = _tiles(images, padding)
    down, across = tiles[0][0].shape[1:3]
    beyond = ((0, 0), (0, 2 * down - gradient.shape[1]), (0, 2 * across - gradient.shape[2]), (0, 0))
    gradient = jnp.pad(gradient, beyond)
    outputs = _transform(_turned(OF_OUTPUT), [[gradient[:, i::2, j::2] for j in range(2)] for i in range(2)])

    def product(tile: jax.Array, output: jax.Array) -> jax.Array:
        return summed(*(each.reshape(-1, each.shape[-1]) for each in (tile, output)))

    sums = [list(map(product, *row)) for row in zip(tiles, outputs, strict=True)]
    return jnp.stack([jnp.stack(row) for row in _transform(_turned(OF_KERNEL), sums)])


def _tiles(images: jax.Array, padding: Sides) -> Grid:
    """Bᵀ d B of all 4×4 tiles: [batch, tiles down, tiles across, inputs] for each place."""
    batch, height, width, inputs = images.shape
    down, across = _tile_counts(images, padding)
    (top, _), (left, _) = padding
    around = ((0, 0), (top, 2 * down + 2 - top - height), (left, 2 * across + 2 - left - width), (0, 0))
    padded = jax.lax.pad(images, np.array(0, images.dtype), [(*sides, 0) for sides in around])

    def place(row: int, column: int) -> jax.Array:
        ends = (batch, row + 2 * down - 1, column + 2 * across - 1, inputs)
        return jax.lax.slice(padded, (0, row, column, 0), ends, (1, 2, 2, 1))

    return _transform(OF_IMAGE, [[place(row, column) for column in range(4)] for row in range(4)])


def _tile_counts(images: jax.Array, padding: Sides) -> list[int]:
    """Down and across: each tile has two by two outputs of its own."""
    return [-(-(n + sum(sides) - 2) // 2) for n, sides in zip(images.shape[1:3], padding, strict=True)]


def _places(kernel: jax.Array) -> Grid:
    """G g Gᵀ: [inputs, outputs] for each of the 16 places."""
    return _transform(OF_KERNEL, [[kernel[row, column] for column in range(3)] for row in range(3)])


def _turned(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


def _transform(matrix: Matrix, grid: Grid) -> Grid:
    """matrix · grid · matrixᵀ, written out in additions."""
    down = [[_combined(row, column) for column in zip(*grid, strict=True)] for row in matrix]
    return [[_combined(row, each) for row in matrix] for each in down]


def _combined(factors: Sequence[float], arrays: Sequence[jax.Array]) -> jax.Array:
    parts = [
        array if factor == 1 else -array if factor == -1 else jnp.multiply(array, np.array(factor, array.dtype))
        for factor, array in zip(factors, arrays, strict=True)
        if factor
    ]
    return functools.reduce(operator.add, parts)
