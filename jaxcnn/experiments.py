"""The papers' experiments, one module each: `jaxcnn.experiments.alexnet_2012` and its siblings.

The files are in `experiments/` at the top of the repository, or inside this package in a wheel. Both are imported under
this name only, so that a user's own package `experiments` is neither imported nor hidden. Python prefers this module
to a folder of the same name without `__init__.py` (PEP 420), and `__path__` makes it a package.
"""

from jaxcnn.runtime import program

__path__ = [str((program.checkout() or program.PACKAGE) / "experiments")]
