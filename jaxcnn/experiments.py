"""The papers' experiments, one module each: `jaxcnn.experiments.alexnet_2012` and its siblings.

Their files are in `experiments/` at the top of the repository, and inside this package in a wheel. In both places they
are imported by this name alone, so that a user's own package `experiments` is neither read nor hidden. Python takes
this module before a folder of the same name that has no `__init__.py` (PEP 420); its `__path__` makes it a package.
"""

from jaxcnn.runtime import program

__path__ = [str((program.checkout() or program.PACKAGE) / "experiments")]
