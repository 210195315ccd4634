"""The linear network, for these tests."""

from linear_network import linear

__all__ = ["linear"]
