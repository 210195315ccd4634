"""The batches of a run: streamed from the host, or indices into a data set that is kept on the devices."""

import collections
import contextlib
import functools
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.data.loading.in_memory import RESIDENT_PIXELS, load_resident
from jaxcnn.data.loading.order import batch_at, batch_indices
from jaxcnn.data.loading.pipeline import train_batches
from jaxcnn.data.loading.read import Damaged, neighbours, read_batch
from jaxcnn.data.sources import Source
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.step_times import StepTimes

Batch = dict[str, np.ndarray]

RESIDENT_BYTES = 2**30  # data sets of small images are kept on the devices up to this size
BATCHES_AHEAD = 2  # on their way to the device while a step runs


def lives_on_device(inputs: Inputs, images: int) -> bool:
    """Whether a training set of so many images is kept on the device as a whole."""
    size = inputs.training_size
    small = size <= RESIDENT_PIXELS and images * size**2 * inputs.channels <= RESIDENT_BYTES
    return inputs.crop is None and small  # the host's random crops differ in every epoch


class Feed:
    """The training set as batches; which records batch n holds depends on the seed and n alone.

    on_damage: called with the step (from 0) and the image when a damaged one was replaced; from any thread.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Source,
        devices: Devices,
        *,
        seed: int,
        on_damage: Callable[[int, Damaged], None] | None = None,
    ) -> None:
        self._on_damage = on_damage
        self._inputs, self._batch_size = experiment.inputs, experiment.batch_size
        self._source, self._devices, self._seed = source, devices, seed
        inputs = self._inputs
        self._whole: Batch | None = None
        self.resident: tuple[Any, ...] = ()  # the arguments of a step after its batch
        if lives_on_device(self._inputs, len(source)):
            tell = None if on_damage is None else functools.partial(on_damage, 0)
            how: Any = {"size": inputs.training_size, "channels": inputs.channels, "resize": inputs.resize}
            self._whole = load_resident(source, **how, on_damage=tell)
            self.resident = (devices.replicate(self._whole),)

    @property
    def streams(self) -> bool:
        """Whether images are read and decoded while steps run, instead of being kept on the devices."""
        return self._whole is None

    def batches(self, start_step: int, times: StepTimes | None = None) -> Generator[Any]:
        """Batches on the devices from this step on, endlessly, transferred a few steps ahead.

        times: measures the waiting and the transfer.
        """
        times = times or StepTimes()
        ahead: collections.deque = collections.deque()
        for batch in times.waited_for(self.host_batches(start_step)):
            ahead.append(times.transferred(self._devices.shard_batch, batch))
            if len(ahead) > BATCHES_AHEAD:
                yield ahead.popleft()

    def host_batches(self, start_step: int, *, threads: int | None = None) -> Iterator[Any]:
        """This process's rows of each, in host memory. threads: how many decode; by default one a core."""
        if self._whole is not None:
            places = batch_indices(len(self._source), self._batch_size, seed=self._seed, start_step=start_step)
            return map(self._devices.own_rows, places)
        return train_batches(
            self._source,
            size=self._inputs.training_size,
            channels=self._inputs.channels,
            resize=self._inputs.resize,
            batch_size=self._batch_size,
            seed=self._seed,
            start_step=start_step,
            shard=self._devices.shard,
            crop=self._inputs.crop,
            threads=threads,
            on_damage=self._on_damage,
        )

    def first_images(self, most: int) -> np.ndarray:
        """The first images of the first batch, before any random change but the host's crop; at most so many.

        Returns:
          uint8 [images, training_size, training_size, channels], in host memory.
        """
        if self._whole is not None:
            places = batch_at(len(self._source), self._batch_size, seed=self._seed, step=0)
            return self._whole["image"][places[:most]]
        rows = max(count for count in range(1, most + 1) if self._batch_size % count == 0)
        first: Any = train_batches(
            self._source,
            size=self._inputs.training_size,
            channels=self._inputs.channels,
            resize=self._inputs.resize,
            batch_size=self._batch_size,
            seed=self._seed,
            shard=(0, self._batch_size // rows),
            crop=self._inputs.crop,
            threads=1,
            on_damage=lambda *_: None,  # the step that reads it reports it
        )
        with contextlib.closing(first):
            return next(first)["image"]

    def sample(self, count: int, *, epoch: int) -> Batch:
        """`count` random training records for this epoch, in host memory; a function of (seed, epoch)."""
        generator = np.random.default_rng((self._seed, epoch))
        places = generator.choice(len(self._source), min(count, len(self._source)), replace=False)
        if self._whole is not None:
            return {name: rows[places] for name, rows in self._whole.items()}
        inputs, others = self._inputs, neighbours(places, len(self._source))
        how: Any = {"size": inputs.stored_size, "channels": inputs.channels, "resize": inputs.resize}
        return read_batch(self._source, places, **how, substitute=others)
