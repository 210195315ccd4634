"""All that the sections of a page show, computed from a network and images."""

import dataclasses

import numpy as np
from scipy.special import softmax

from jaxcnn.inspection.effort import BACKWARD, Effort
from jaxcnn.inspection.methods.grad_cam import grad_cam
from jaxcnn.inspection.methods.measured_field import measured_box
from jaxcnn.inspection.methods.occlusion import fall_in_each_pixel, occluded, positions_along
from jaxcnn.inspection.methods.patches import NINE, UNITS, Patch, live_channels, strongest_patches
from jaxcnn.inspection.network.boxes import Box
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.programs import ROWS, Backward, Explained, Survey, Surveyed, joined, unit_of
from jaxcnn.inspection.sections.patches import Found
from jaxcnn.inspection.sections.saliency import Looked
from jaxcnn.inspection.subjects import Subjects

PROJECTED_MACS = 4e11  # of the network, for all projections of patches
ALL = 0.8  # of the image's side: a field that is larger shows little of what a unit can't see


@dataclasses.dataclass(eq=False)
class Investigation:
    """Computes by two programs, each compiled once."""

    network: OpenedNetwork
    effort: Effort
    seed: int

    def __post_init__(self) -> None:
        self._survey, self._backward = Survey(self.network), Backward(self.network)

    def inputs(self, subjects: Subjects) -> np.ndarray:
        """What the network takes of images, float32 [images, size, size, channels]."""
        return np.asarray(self.network.trained.preprocess(subjects.squares), np.float32)

    def survey(self, inputs: np.ndarray, note: str) -> Surveyed:
        """A forward pass over images."""
        answers = []
        for answer in self._survey.batches(inputs):
            answers.append(answer)
            self.effort.add(len(answer.scores), note)
        return joined(answers)

    def patches(self, inputs: np.ndarray, surveyed: Surveyed) -> Found:
        """The patches that excite some units of each place most, with projections of the strongest of them."""
        found: Found = []
        for place, stage in enumerate(self.network.places):
            strongest, where = surveyed.strongest[place], surveyed.where[place]
            channels = live_channels(strongest, UNITS, self.seed)
            patches = [strongest_patches(stage, strongest, where, channel) for channel in channels]
            count = projected_patches(self.network)
            projected = [patch for several in patches for patch in several[:count]]
            signals = iter(self._projected(place, inputs, projected))
            projections = [[next(signals) for _ in several[:count]] for several in patches]
            found.append((stage, list(zip(channels, patches, projections, strict=True))))
        return found

    def _projected(self, place: int, inputs: np.ndarray, patches: list[Patch]) -> np.ndarray:
        """The deconvnet's projections of the patches' units, in red, green, blue; [patches, size, size, channels]."""
        found = [np.zeros((0, *inputs.shape[1:]), np.float32)]
        for start in range(0, len(patches), ROWS):
            some = patches[start : start + ROWS]
            units, values = [(place, *patch.unit) for patch in some], [patch.value for patch in some]
            images = inputs[[patch.image for patch in some]]
            found.append(self._backward(images, units=units, strength=values, as_deconvnet=True).images)
            self.effort.add(BACKWARD * len(some), "projecting patches")
        return self.network.in_colours(np.concatenate(found))

    def explained(self, inputs: np.ndarray, labels: np.ndarray) -> Explained:
        """The derivatives of the scores of these classes, and the states of the layers."""
        scores = np.eye(len(self.network.trained.names), dtype=np.float32)[labels]
        answer = self._backward(inputs, scores=scores)
        self.effort.add(BACKWARD * len(inputs), "Grad-CAM")
        return answer

    def looked(self, subjects: Subjects, inputs: np.ndarray, explained: Explained, surveyed: Surveyed) -> list[Looked]:
        """Where the network looked in each image."""
        network, names = self.network, self.network.trained.names
        labels, probabilities = explained.scores.argmax(axis=1), softmax(explained.scores, axis=1)
        own = [labels[i] if label is None else label for i, label in enumerate(subjects.labels)]
        stage = network.trunk.index(network.last_maps)
        cams, pixels = _cams(explained.maps[stage], explained.last_maps), network.pixels(subjects.squares)
        true_cams = cams
        if list(own) != list(labels):
            true_cams = _cams(explained.maps[stage], self.explained(inputs, np.asarray(own)).last_maps)
        units, projections = self._projections(inputs, surveyed)
        fields = self._fields(inputs, surveyed)
        found = []
        for i, name in enumerate(subjects.titles):
            label = int(labels[i])
            looked = Looked(
                name=name,
                pixels=pixels[i],
                label_name=names[label],
                probability=float(probabilities[i, label]),
                true_name=None if subjects.labels[i] is None else names[own[i]],
                cam=cams[i],
                true_cam=None if own[i] == label else true_cams[i],
                fall=self._fall(inputs[i], label, float(probabilities[i, label]), len(inputs)),
                derivative=explained.images[i],
                unit=units[i],
                projection=network.in_colours(projections[i]),
                field_unit=fields[i][0],
                field=fields[i][1],
                measured=fields[i][2],
                field_derivative=fields[i][3],
            )
            found.append(looked)
        return found

    def _fall(self, image: np.ndarray, label: int, whole: float, images: int) -> np.ndarray:
        """By how much the probability of a class falls where the image is occluded."""
        count = positions_along(self.network.macs, images)
        answer = self.survey(np.stack(list(occluded(image, count))), "occluding")
        probabilities = softmax(answer.scores, axis=1)[:, label].reshape(count, count)
        return fall_in_each_pixel(probabilities, whole, image.shape[0])

    def _projections(self, inputs: np.ndarray, surveyed: Surveyed) -> tuple[list[str | None], np.ndarray]:
        """The strongest unit of the last place in each image: its name, None where none responds; its projection."""
        network = self.network
        if not network.places:
            return [None] * len(inputs), np.zeros_like(inputs)
        place, stage = len(network.places) - 1, network.places[-1]
        strongest, where = surveyed.strongest[place], surveyed.where[place]
        channels = strongest.argmax(axis=1)
        values = strongest[np.arange(len(inputs)), channels]
        units = [unit_of(stage, where[i, channel], channel) for i, channel in enumerate(channels)]
        seeds, strength = [(place, *unit) for unit in units], np.maximum(values, 0).tolist()
        found = self._backward(inputs, units=seeds, strength=strength, as_deconvnet=True).images
        self.effort.add(BACKWARD * len(inputs), "projecting")
        names = [f"{stage.name}, unit {u[2]}" if value > 0 else None for u, value in zip(units, values, strict=True)]
        return names, found

    def _fields(self, inputs: np.ndarray, surveyed: Surveyed) -> list[tuple[str | None, Box, Box | None, np.ndarray]]:
        """For each image the strongest unit of a place: its name, its box, the measured one, its derivative."""
        network = self.network
        if not network.places:
            return [(None, Box(0, 0, 0, 0), None, np.zeros_like(image)) for image in inputs]
        place = field_place(network)
        stage = network.places[place]
        strongest, where = surveyed.strongest[place], surveyed.where[place]
        channels = strongest.argmax(axis=1)
        units = [unit_of(stage, where[i, channel], channel) for i, channel in enumerate(channels)]
        derivatives = self._backward(inputs, units=[(place, *unit) for unit in units]).images
        self.effort.add(BACKWARD * len(inputs), "measuring fields")
        found = []
        for derivative, (row, column, channel) in zip(derivatives, units, strict=True):
            name = f"{stage.name}, unit {channel} at row {row}, column {column}"
            found.append((name, stage.fields.box(channel, row, column), measured_box(derivative), derivative))
        return found


def _cams(maps: np.ndarray, derivative: np.ndarray) -> np.ndarray:
    """Grad-CAM of each image; values without a place count as maps of one unit."""
    if maps.ndim == 2:
        maps, derivative = maps[:, None, None], derivative[:, None, None]
    return grad_cam(maps, derivative)


def field_place(network: OpenedNetwork) -> int:
    """The deepest place whose units see clearly less than the image; the first where there is none."""
    side = network.input_shape[0]
    small = [i for i, stage in enumerate(network.places) if max(stage.fields.largest()) <= ALL * side]
    return small[-1] if small else 0


def projected_patches(network: OpenedNetwork) -> int:
    """How many of a unit's patches are projected, by what the network costs."""
    units = UNITS * max(len(network.places), 1)
    return int(np.clip(PROJECTED_MACS / (BACKWARD * network.macs * units), 1, NINE))


def passes(network: OpenedNetwork, images: int, surveyed: int) -> int:
    """An estimate of all that an investigation of so many images costs."""
    occlusions = positions_along(network.macs, images) ** 2
    projections = UNITS * len(network.places) * projected_patches(network)
    return surveyed + images * (1 + occlusions + 4 * BACKWARD) + BACKWARD * projections
