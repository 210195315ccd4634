"""An axis of a chart: where a value lies on it, and which values are marked."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

MARKS, POWERS = 5, 6  # about as many on a linear axis and on a logarithmic one
TINIEST = 1e-300  # the least value on a logarithmic axis
RATIO = 30  # of the largest to the smallest value from which an axis of positive values is logarithmic


@dataclasses.dataclass(frozen=True)
class Axis:
    """A stretch of numbers from `low` to `high`, on a logarithmic scale or not."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def of(cls, values: Iterable[float], *, log: bool | None = None, zero: bool = False) -> "Axis":
        """The axis that shows these values.

        Args:
          values: finite numbers; there may be none.
          log: whether its scale is logarithmic; None: where the values are positive and far apart.
          zero: whether a linear one begins at 0.
        """
        found = list(values) or [0.0, 1.0]
        low, high = min(found), max(found)
        if log is None:
            log = low > TINIEST and high / low > RATIO
        if log:
            return cls(low / 1.1, high * 1.1, log=True)
        low = min(low, 0.0) if zero else low
        margin = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
        return cls(low if zero else low - margin, high + margin)

    def share(self, value: float) -> float:
        """Where a value lies, from 0 (low) to 1 (high)."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self) -> list[float]:
        """Round numbers within the axis, in ascending order.

        >>> Axis(0, 47).marks(), Axis(0.008, 0.2, log=True).marks()
        ([0.0, 10.0, 20.0, 30.0, 40.0], [0.01, 0.02, 0.05, 0.1, 0.2])
        """
        return list(self._powers()) if self.log else list(self._steps())

    def _steps(self) -> Iterator[float]:
        rough = (self.high - self.low) / MARKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        yield from (float(f"{number * step:.12g}") for number in range(first, last + 1))

    def _powers(self) -> Iterator[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        times = (1, 2, 5) if last - first <= 3 else (1,)
        for power in range(first, last + 1, max((last - first) // POWERS, 1)):
            for factor in times:
                value = float(f"{factor}e{power}")
                if self.low <= value <= self.high:
                    yield value


def plain(value: float) -> str:
    """A number with at most four digits that count.

    >>> plain(64000), plain(0.00125), plain(1234567.0)
    ('64,000', '0.00125', '1,235,000')
    """
    if value and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    return f"{float(f'{value:.4g}'):,.10g}"
