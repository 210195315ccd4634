"""Grad-CAM: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks…", 2017, equations 1 and 2."""

import numpy as np


def grad_cam(maps: np.ndarray, derivative: np.ndarray) -> np.ndarray:
    """ReLU(Σ_k α_k A^k), where α_k is the mean over positions of the derivative of a class's score by the map A^k.

    Args:
      maps: A, float32 [..., rows, columns, maps].
      derivative: of the score, before the softmax, by the maps; of the same shape.

    Returns:
      float32 [..., rows, columns], 0 or more.
    """
    weights = derivative.mean(axis=(-3, -2), keepdims=True)
    return np.maximum((weights * maps).sum(axis=-1), 0.0)
