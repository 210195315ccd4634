"""The two programs that a look compiles: forward over many images, and backward over a few, by either of two rules.

Each is compiled once, for a fixed number of rows, and used for all that it can answer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.inspection.network.deconvnet import rules
from jaxcnn.inspection.network.graph import Stage
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.taps import apply_tapped
from jaxcnn.parallel.compilation import compile_step

Values = Any  # an array of JAX's within a program, of NumPy's outside

ROWS = 4  # images at a time in the backward programs
PIXELS = 32 * 32 * 32  # and in the forward program about as many that they have this many pixels, but at least 8


class Surveyed(NamedTuple):
    """What one pass over images keeps.

    Attributes:
        scores: of the classes, float32 [images, classes].
        hidden: the last hidden layer, maps averaged over their positions, float32 [images, values].
        strongest: for each of the network's `places`, the largest value of each channel, float32 [images, channels].
        where: and its position, counted row by row, int32 [images, channels].
    """

    scores: Values
    hidden: Values
    strongest: tuple[Values, ...]
    where: tuple[Values, ...]


class Explained(NamedTuple):
    """What a backward program gives for images.

    Attributes:
        scores: float32 [images, classes].
        maps: of each stage of the trunk, float32 [images, …].
        images: the signal that arrives at the image, float32 [images, size, size, channels].
        last_maps: the derivative by the last maps, shaped like them.
    """

    scores: Values
    maps: tuple[Values, ...]
    images: Values
    last_maps: Values


def compiled(function: Callable, *arguments: Any, runs_once: bool = False) -> jax.stages.Compiled:
    """A function compiled for arguments like these, with this project's options; `runs_once`: in less time."""
    return compile_step(jax.jit(function).lower(*arguments), jax.default_backend(), runs_once=runs_once)


class Survey:
    """Applies a network to many images."""

    def __init__(self, network: OpenedNetwork) -> None:
        self._network = network
        self.rows = max(8, min(64, PIXELS // network.input_shape[0] ** 2))
        self._program: jax.stages.Compiled | None = None

    def batches(self, inputs: np.ndarray) -> Iterator[Surveyed]:
        """The answers for images, batch by batch. inputs: float32 [images, size, size, channels], normalised."""
        for start in range(0, len(inputs), self.rows):
            batch = inputs[start : start + self.rows]
            filled = jnp.asarray(_filled(batch, self.rows))
            if self._program is None:
                self._program = compiled(self._survey, self._network.variables, filled)
            answer = jax.device_get(self._program(self._network.variables, filled))
            yield first_rows(answer, len(batch))

    def __call__(self, inputs: np.ndarray) -> Surveyed:
        """The answers for all images at once."""
        return joined(list(self.batches(inputs)))

    def _survey(self, variables: Any, images: jax.Array) -> Surveyed:
        network = self._network
        stages = (network.last_hidden, *network.places)
        outputs, (hidden, *maps) = apply_tapped(network.model, variables, images, stages)
        if hidden.ndim == 4:
            hidden = hidden.mean(axis=(1, 2))
        flat = [one.reshape(one.shape[0], -1, one.shape[-1]) for one in maps]
        strongest = tuple(one.max(axis=1) for one in flat)
        return Surveyed(outputs, hidden, strongest, tuple(one.argmax(axis=1).astype(jnp.int32) for one in flat))


def first_rows(answer: Any, count: int) -> Any:
    """The answers for the first images of a batch."""
    return jax.tree.map(lambda array: array[:count], answer)


def joined(answers: Sequence[Surveyed]) -> Surveyed:
    """The answers of several batches as one."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *answers)


class Backward:
    """Carries signals from a network's scores, or from units of its `places`, back to the image."""

    def __init__(self, network: OpenedNetwork) -> None:
        self._network = network
        self._program: jax.stages.Compiled | None = None

    def __call__(
        self,
        inputs: np.ndarray,
        *,
        scores: np.ndarray | None = None,
        units: Sequence[tuple[int, int, int, int] | None] | None = None,
        strength: Sequence[float] | None = None,
        as_deconvnet: bool = False,
    ) -> Explained:
        """What arrives at the images.

        Args:
          inputs: float32 [images, size, size, channels], normalised.
          scores: the signal at the scores, float32 [images, classes]; by default none.
          units: for each image (number of the place, row, column, channel) of the unit where a signal begins, or None.
          strength: of that signal, for each image; by default 1.
          as_deconvnet: by the rules of `network.deconvnet`, instead of those of derivatives.
        """
        network, found = self._network, []
        count = len(network.trained.names)
        for start in range(0, len(inputs), ROWS):
            rows = slice(start, start + ROWS)
            batch = inputs[rows]
            at_scores = np.zeros((ROWS, count), np.float32)
            if scores is not None:
                at_scores[: len(batch)] = scores[rows]
            seeds = [np.zeros((ROWS, *stage.shape), np.float32) for stage in network.places]
            for row, unit in enumerate((units or [])[rows]):
                if unit is not None:
                    seeds[unit[0]][(row, *unit[1:])] = 1.0 if strength is None else strength[start + row]
            arguments = jax.tree.map(jnp.asarray, (_filled(batch, ROWS), at_scores, seeds, np.bool_(as_deconvnet)))
            if self._program is None:
                self._program = compiled(self._backward, network.variables, *arguments, runs_once=True)
            answer = jax.device_get(self._program(network.variables, *arguments))
            found.append(first_rows(answer, len(batch)))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays), *found)

    def _backward(
        self, variables: Any, images: jax.Array, scores: jax.Array, seeds: list[jax.Array], is_deconvnet: jax.Array
    ) -> Explained:
        network = self._network
        stage = network.last_maps

        def forward(images: jax.Array, delta: jax.Array) -> tuple[Any, Any]:
            stages = (*network.trunk, *network.places)
            added = dict.fromkeys(stage.readers, delta)
            outputs, maps = apply_tapped(network.model, variables, images, stages, added=added, rule=rule)
            trunk, places = maps[: len(network.trunk)], maps[len(network.trunk) :]
            return (outputs, places), (outputs, tuple(trunk))

        delta = jnp.zeros((ROWS, *stage.shape), jnp.float32)
        with rules(is_deconvnet) as rule:
            _, back, (outputs, maps) = jax.vjp(forward, images, delta, has_aux=True)
            at_image, at_maps = back((scores, seeds))
        return Explained(outputs, maps, at_image, at_maps)


def unit_of(stage: Stage, position: int, channel: int) -> tuple[int, int, int]:
    """(row, column, channel) of the unit at a position that is counted row by row."""
    row, column = divmod(int(position), stage.shape[1])
    return row, column, int(channel)


def _filled(batch: np.ndarray, rows: int) -> np.ndarray:
    """A batch with its last image repeated until it has so many rows."""
    return np.concatenate([batch, np.repeat(batch[-1:], rows - len(batch), axis=0)])
