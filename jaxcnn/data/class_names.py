"""Readable names of classes: of ImageNet's, which data sets call by their WordNet identifiers ("n01440764")."""

import functools
import importlib.resources
from collections.abc import Sequence


@functools.cache
def _imagenet() -> dict[str, str]:
    """Identifier → words, in the order of the labels. The file says where they come from, and their licence."""
    text = importlib.resources.files("jaxcnn.data").joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    entries = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {identifier: words for identifier, words in entries}


def synsets() -> tuple[str, ...]:
    """The WordNet identifiers of ILSVRC-2012's 1,000 classes, in the order of their labels, which is sorted.

    >>> synsets()[0]
    'n01440764'
    """
    return tuple(_imagenet())


def imagenet_names() -> tuple[str, ...]:
    """The readable names of the same classes: the synonyms that WordNet lists; no two are alike.

    >>> imagenet_names()[0]
    'tench, Tinca tinca'
    """
    return tuple(_imagenet().values())


def readable_names(class_names: Sequence[str], count: int) -> tuple[str, ...]:
    """A name for each output of a network.

    Args:
        class_names: those of the data that it was trained on; identifiers of ImageNet's classes become words.
        count: of the outputs. Where 1,000 outputs have no names at all, they are taken to be ImageNet's classes.

    Returns:
        `count` names; an output without a name is called by its number.

    >>> readable_names(["n02102040", "my dog"], 3)
    ('English springer, English springer spaniel', 'my dog', '2')
    """
    known = _imagenet()
    if not class_names and count == len(known):
        return imagenet_names()
    named = [known.get(name, name) for name in class_names[:count]]
    return tuple(named + [str(label) for label in range(len(named), count)])
