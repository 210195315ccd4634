"""Grad-CAM, occlusion and the deconvnet against independent computations: torch with the same weights, NumPy loops."""

import jax.numpy as jnp
import numpy as np
import pytest
from opened_networks import opened, square

from jaxcnn.inspection.methods.grad_cam import grad_cam
from jaxcnn.inspection.methods.occlusion import fall_in_each_pixel, occluded, occlusion_map, starts
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.programs import Backward, Survey

SIDE = 16


@pytest.fixture(scope="module")
def primer() -> OpenedNetwork:
    """A network of convolutions, ReLUs, max-poolings and fully connected layers."""
    return opened("cnn_primer", *square(SIDE, SIDE))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """More than one batch of the backward program."""
    return np.random.default_rng(0).normal(size=(6, SIDE, SIDE, 1)).astype(np.float32)


class PrimerInTorch:
    """The same network, written again, with the deconvnet's ReLU if that is asked for."""

    CONVOLUTIONS = (("conv1", "pool"), ("conv2_1", ""), ("conv2_2", "pool"), ("conv3_1", ""), ("conv3_2", "pool"))

    def __init__(self, network: OpenedNetwork, *, as_deconvnet: bool = False) -> None:
        self.torch = pytest.importorskip("torch")
        self.params, self.as_deconvnet = network.variables["params"], as_deconvnet

    def relu(self, values):
        torch = self.torch

        class Rectified(torch.autograd.Function):
            @staticmethod
            def forward(context, values):
                return values.clamp(min=0)

            @staticmethod
            def backward(context, signal):
                return signal.clamp(min=0)

        return Rectified.apply(values) if self.as_deconvnet else torch.relu(values)

    def tensor(self, layer: str, name: str):
        return self.torch.from_numpy(np.array(self.params[layer][name]))

    def __call__(self, images: np.ndarray):
        """(scores, the states of the convolutions after their ReLUs, the images), with gradients."""
        torch = self.torch
        inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).requires_grad_()
        x, states = inputs, {}
        for name, pool in self.CONVOLUTIONS:
            kernel = self.tensor(name, "kernel").permute(3, 2, 0, 1)
            x = self.relu(torch.conv2d(x, kernel, self.tensor(name, "bias"), padding=kernel.shape[-1] // 2))
            states[name] = x
            x.retain_grad()
            x = torch.max_pool2d(x, 2) if pool else x
        x = x.permute(0, 2, 3, 1).flatten(1)
        for name in ("fc1", "fc2", "fc3"):
            x = x @ self.tensor(name, "kernel") + self.tensor(name, "bias")
            x = self.relu(x) if name != "fc3" else x
        return x, states, inputs


def test_grad_cam_and_the_derivative_are_those_of_torch(primer, images):
    labels = np.arange(len(images)) % 7
    found = Backward(primer)(images, scores=np.eye(7, dtype=np.float32)[labels])
    scores, states, inputs = PrimerInTorch(primer)(images)
    scores[np.arange(len(images)), labels].sum().backward()
    np.testing.assert_allclose(found.scores, scores.detach().numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.images, inputs.grad.permute(0, 2, 3, 1).numpy(), rtol=1e-3, atol=1e-4)
    maps, derivative = states["conv3_2"].detach(), states["conv3_2"].grad
    # Selvaraju et al. 2017: equation 1, then equation 2.
    alpha = derivative.mean(dim=(2, 3), keepdim=True)
    wanted = (alpha * maps).sum(dim=1).clamp(min=0).numpy()
    assert primer.last_maps.name == "conv3_2" and wanted.max() > 0
    place = [stage.name for stage in primer.trunk].index("conv3_2")
    np.testing.assert_allclose(grad_cam(found.maps[place], found.last_maps), wanted, rtol=1e-3, atol=1e-4)


def test_the_deconvnet_is_that_of_torch_with_another_relu(primer, images):
    """Zeiler & Fergus 2013: torch's max-pooling puts the signal at its switches, its convolution transposes filters."""
    place = len(primer.places) - 1
    stage = primer.places[place]
    units = [(place, 1, 2, channel) for channel in (3, 5, 8, 13, 21, 34)]
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    found = Backward(primer)(images, units=units, strength=values, as_deconvnet=True).images
    _, states, inputs = PrimerInTorch(primer, as_deconvnet=True)(images)
    chosen = states[stage.name][range(6), [unit[3] for unit in units], 1, 2]
    (chosen * chosen.new_tensor(values)).sum().backward()
    wanted = inputs.grad.permute(0, 2, 3, 1).numpy()
    assert all(np.abs(one).max() > 0 for one in wanted), "also units that are silent have a projection"
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    derivative = Backward(primer)(images, units=units, strength=values).images
    assert np.abs(found - derivative).max() > 0.1, "the derivative is another"


def test_the_deconvnet_passes_response_normalisation():
    """AlexNet's first unit behind a normalisation, by a loop: the signal is the transposed filter, as if none were."""
    network = opened("alexnet_2012")
    kernel = np.asarray(network.variables["params"]["conv1"]["kernel"])
    image = np.random.default_rng(1).normal(size=(1, *network.input_shape)).astype(np.float32)
    names = [stage.name for stage in network.places]
    place, second = names.index("conv1"), names.index("conv2") if "conv2" in names else 1
    stage = network.places[place]
    found = Backward(network)(image, units=[(place, 2, 3, 5)], strength=[1.0], as_deconvnet=True).images[0]
    wanted = np.zeros_like(found)
    wanted[8 : 8 + 11, 12 : 12 + 11] = kernel[..., 5]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    deeper = Backward(network)(image, units=[(second, 3, 3, 5)], strength=[1.0], as_deconvnet=True).images[0]
    rows, columns = np.nonzero(np.abs(deeper).sum(axis=-1))
    box = network.places[second].fields.box(5, 3, 3)
    assert box.top <= rows.min() and rows.max() < box.bottom and box.left <= columns.min() < columns.max() < box.right
    assert stage.shape[-1] == 8


def test_occlusion_by_a_loop(primer, images):
    survey, image = Survey(primer), images[0]

    def scores(several):
        return survey(several).scores

    found = occlusion_map(scores, image, label=2, count=3)
    for row, top in enumerate((0, 6, 12)):  # a square of 4 pixels: the first at the border, the last too
        for column, left in enumerate((0, 6, 12)):
            changed = image.copy()
            for y in range(top, top + 4):
                for x in range(left, left + 4):
                    changed[y, x] = image.mean()
            output = np.asarray(primer.model.apply(primer.variables, jnp.asarray(changed[None]), train=False))[0]
            wanted = np.exp(output[2]) / np.exp(output).sum()
            assert found[row, column] == pytest.approx(wanted, rel=1e-3)
    assert len(list(occluded(image, 3))) == 9
    fall = fall_in_each_pixel(found, 0.5, SIDE)
    assert fall[0, 0] == pytest.approx(0.5 - found[0, 0]) and fall[7, 13] == pytest.approx(0.5 - found[1, 2])
    assert fall[5, 5] == 0, "no square was there"


def test_squares_overlap_and_cover_the_image():
    begin, side = starts(224, 7)
    assert side == 56 and begin[0] == 0 and begin[-1] == 224 - 56 and np.diff(begin).max() <= side


def test_the_survey_is_what_the_network_says(primer, images):
    found = Survey(primer)(images)
    wanted = np.asarray(primer.model.apply(primer.variables, jnp.asarray(images), train=False))
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-4, atol=1e-4)
    explained = Backward(primer)(images)
    names = [stage.name for stage in primer.trunk]
    for place, stage in enumerate(primer.places):
        maps = explained.maps[names.index(stage.name)]
        np.testing.assert_allclose(found.strongest[place], maps.max(axis=(1, 2)), rtol=1e-4, atol=1e-4)
        for image, channel in ((0, 0), (3, 7)):
            row, column = divmod(found.where[place][image, channel], stage.shape[1])
            assert maps[image, row, column, channel] == pytest.approx(maps[image, ..., channel].max(), rel=1e-4)
    np.testing.assert_allclose(found.hidden, explained.maps[names.index("fc2")], rtol=1e-4, atol=1e-4)
