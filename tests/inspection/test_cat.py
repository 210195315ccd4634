"""With real weights, Grad-CAM finds the cat wherever it lies."""

import os
from pathlib import Path

import numpy as np
import pytest
from skimage import data
from skimage.transform import resize

import jaxcnn
from jaxcnn.inspection.methods.grad_cam import grad_cam
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.programs import Backward

WEIGHTS = Path(os.environ.get("JAXCNN_TEST_DATA", "")) / "weights" / "bvlc_googlenet.caffemodel"
SIDE = 130  # of the cat's face, of 256 pixels
PLACES = [(20, 20), (20, 106), (106, 20), (106, 106)]


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")
@pytest.mark.skipif(not WEIGHTS.is_file(), reason="JAXCNN_TEST_DATA has no weights/bvlc_googlenet.caffemodel")
def test_grad_cam_is_on_the_cat(tmp_path):
    """A cat's face before a brick wall, in each quarter; most of Grad-CAM lies on the face."""
    jaxcnn.import_weights(jaxcnn.load("googlenet_2014"), WEIGHTS, tmp_path / "run")
    network = OpenedNetwork(jaxcnn.load_trained(tmp_path / "run"))
    face = (resize(data.chelsea()[:, 60:360], (SIDE, SIDE), anti_aliasing=True) * 255).astype(np.uint8)
    images = np.repeat(data.brick()[None, :256, :256, None], 3, axis=-1).repeat(len(PLACES), axis=0)
    for image, (top, left) in zip(images, PLACES, strict=True):
        image[top : top + SIDE, left : left + SIDE] = face
    inputs, backward = np.asarray(network.trained.preprocess(network.trained.read_images(images))), Backward(network)
    labels = backward(inputs).scores.argmax(axis=1)
    assert all("cat" in network.trained.names[label] for label in labels)
    explained = backward(inputs, scores=np.eye(1000, dtype=np.float32)[labels])
    place = [stage.name for stage in network.trunk].index("5b")
    for cam, (top, left) in zip(grad_cam(explained.maps[place], explained.last_maps), PLACES, strict=True):
        whole = np.kron(cam, np.ones((32, 32)))  # 224 pixels, which begin at pixel 16 of 256
        on_face = whole[top - 16 : top - 16 + SIDE, left - 16 : left - 16 + SIDE].sum() / whole.sum()
        assert on_face > 0.6, f"{on_face:.2f} of it, where the face has {(SIDE / 224) ** 2:.2f} of the image"
