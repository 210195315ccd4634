"""Which images a network finds alike, by the Euclidean distance of its last hidden layer.

Source: Krizhevsky, Sutskever & Hinton 2012, §6.1 and figure 4, right.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

NEAREST = 6  # as in figure 4
ON_THE_MAP = 400  # images on the two-dimensional maps
PERPLEXITY = 30  # of t-SNE, where there are images enough


def nearest(queries: np.ndarray, gallery: np.ndarray, count: int = NEAREST) -> tuple[np.ndarray, np.ndarray]:
    """The nearest images of a gallery.

    Args:
      queries: the last hidden layer, float32 [queries, values].
      gallery: that of the images among which to look, float32 [images, values].
      count: how many to name.

    Returns:
      (their numbers, the nearest first, int [queries, count]; their distances, [queries, count]).
    """
    search = NearestNeighbors(n_neighbors=min(count, len(gallery)), algorithm="brute").fit(gallery)
    distances, numbers = search.kneighbors(queries)
    return numbers, distances


def flattened_by_pca(features: np.ndarray) -> tuple[np.ndarray, float]:
    """([images, 2], the share of the variance that these two principal components hold). Needs 2 images or more."""
    pca = PCA(n_components=min(2, *features.shape), svd_solver="full")
    with np.errstate(invalid="ignore"):  # images that are all alike have no variance to take a share of
        found = pca.fit_transform(features.astype(np.float64))
    share = float(np.nan_to_num(pca.explained_variance_ratio_).sum())
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1]))), share


def flattened_by_tsne(features: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE of the features, [images, 2] (van der Maaten & Hinton 2008), from at most 50 principal components."""
    count = min(50, *features.shape)
    with np.errstate(invalid="ignore"):  # as above
        reduced = PCA(n_components=count, svd_solver="full").fit_transform(features.astype(np.float64))
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    # A start at random: one along the principal components can't be had where all images are alike. One thread: the
    # sums of several come in an order that depends on the machine, and on a busy one they wait for each other.
    with threadpool_limits(1, user_api="openmp"):
        return TSNE(2, perplexity=perplexity, init="random", random_state=seed).fit_transform(reduced)
