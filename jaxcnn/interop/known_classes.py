"""The names of the classes that weights from elsewhere are for, where their number and the experiment's data tell."""

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.class_names import synsets

# In the order of the labels, as CIFAR-10's archive and TFDS name them.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
KNOWN = {"imagenet2012": synsets, "cifar10": lambda: CIFAR10, "mnist": lambda: tuple("0123456789")}


def known_classes(experiment: Experiment) -> tuple[str, ...]:
    """The names of the classes that the released weights of this experiment's network tell apart; empty if unknown.

    Args:
      experiment: with as many classes as the weights have. Those of ImageNet are called by their identifiers.
    """
    names = KNOWN[experiment.data]() if experiment.data in KNOWN else ()
    return names if len(names) == getattr(experiment.model, "num_classes", 0) else ()
