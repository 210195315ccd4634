"""A trained network, ready to be looked at: its graph, the stages that are shown, and the pixels that it sees."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from jaxcnn.inspection.network.graph import Graph, Stage, graph_of
from jaxcnn.models.kernels.relu import replacing_relu
from jaxcnn.runs.layer_table import layer_table
from jaxcnn.runs.trained import TrainedNetwork
from jaxcnn.training.network import in_precision

POOLS = ("maxpool", "avgpool", "subsample")
WITH_WEIGHTS = ("conv", "fc", "rbf")
PLACES = 4  # stages whose units are looked at one by one


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedNetwork:
    """A trained network and its graph. It computes in float32, whatever the run did."""

    trained: TrainedNetwork

    @functools.cached_property
    def model(self) -> Any:
        """The Flax module."""
        return in_precision(dataclasses.replace(self.trained.experiment, precision="float32"))

    @functools.cached_property
    def variables(self) -> dict[str, Any]:
        """What the module is applied to."""
        return {name: self.trained.variables[name] for name in ("params", "batch_stats")}

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height × width × channels of what the network takes."""
        inputs = self.trained.experiment.inputs
        return inputs.size, inputs.size, inputs.channels

    @functools.cached_property
    def graph(self) -> Graph:
        """The network's layers and stages. Raises UsageError where it has none that are known."""
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.variables)
        return graph_of(self.model, shapes, self.input_shape)

    @functools.cached_property
    def trunk(self) -> tuple[Stage, ...]:
        """The last stage of every layer and block at the top of the network, without the outputs; each has a name."""
        last: dict[str, Stage] = {}
        for stage in self.graph.stages:
            if stage.readers and not stage.goes_through_batch_norm:
                name = stage.path[0].removesuffix(".bn")
                last.pop(name, None)
                last[name] = dataclasses.replace(stage, name=name)
        return tuple(last.values())

    @functools.cached_property
    def last_maps(self) -> Stage:
        """The maps that Grad-CAM weighs: the last ones before they are averaged or fully connected.

        Where a pooling comes between, the maps before it, which are finer. Of a network without any maps of more than
        one unit, the last stage.
        """
        maps = [stage for stage in self.trunk if stage.is_map]
        if not maps:
            return self.trunk[-1]
        while maps[-1].kind in POOLS and len(maps) > 1:
            maps.pop()
        return maps[-1]

    @functools.cached_property
    def last_hidden(self) -> Stage:
        """What the last layer with weights, or with prototypes, takes: the last hidden layer."""
        graph = self.graph
        last = max(number for number, layer in enumerate(graph.layers) if layer.kind in WITH_WEIGHTS)
        stage = graph.inputs[last][0]
        return self.trunk[-1] if stage is None else stage

    @functools.cached_property
    def places(self) -> tuple[Stage, ...]:
        """Some stages of maps, evenly over the depth, whose units are looked at one by one; no pooling or LRN."""
        maps = [stage for stage in self.trunk if stage.is_map and stage.kind not in (*POOLS, "lrn")]
        if not maps:
            return ()
        chosen = np.unique(np.linspace(0, len(maps) - 1, min(PLACES, len(maps))).round().astype(int))
        return tuple(maps[number] for number in chosen)

    @functools.cached_property
    def macs(self) -> int:
        """Multiply–accumulates for one image: what a look may cost is decided by them."""
        return max(layer_table(self.trained.experiment).total_macs, 1)

    @functools.cached_property
    def is_rectified(self) -> bool:
        """Whether the network has ReLUs, whose place the deconvnet's own takes."""
        found = []

        def note(values: jax.Array) -> jax.Array:
            found.append(True)
            return values

        with replacing_relu(note):
            images = jax.ShapeDtypeStruct((1, *self.input_shape), np.float32)
            jax.eval_shape(lambda v, x: self.model.apply(v, x, train=False), self.variables, images)
        return bool(found)

    def pixels(self, squares: np.ndarray) -> np.ndarray:
        """What the network sees of stored squares, before it is normalised.

        Args:
          squares: uint8 [images, stored_size, stored_size, channels].

        Returns:
          uint8 [images, size, size, channels]: the central crop; padding is black.
        """
        inputs = self.trained.experiment.inputs
        frame = ((0, 0), (inputs.pad, inputs.pad), (inputs.pad, inputs.pad), (0, 0))
        padded = np.pad(squares, frame)
        top = (padded.shape[1] - inputs.size) // 2
        return padded[:, top : top + inputs.size, top : top + inputs.size]

    def in_colours(self, signal: np.ndarray) -> np.ndarray:
        """A signal at the network's input, [..., channels], in the order red, green, blue."""
        return signal[..., ::-1] if self.trained.experiment.inputs.channel_order == "BGR" else signal
