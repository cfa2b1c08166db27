"""From values to places on paper, with ticks that people like to read. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear scale, or with `log` a logarithmic one, from `low..high` to the pixels `start..end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where `value` stands. What is under the lower end of a logarithmic scale, as zero is, stands at that end."""
        low, high, at = (self._flat(each) for each in (self.low, self.high, value))
        if high == low:
            return (self.start + self.end) / 2
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def _flat(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def nice_ticks(low: float, high: float, *, about: int = 5) -> tuple[float, ...]:
    """Round numbers that cover `low..high`, some `about` of them: steps of 1, 2 or 5 times a power of ten.

    After Heckbert, "Nice Numbers for Graph Labels", Graphics Gems, 1990.
    """
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / max(1, about - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda each: abs(math.log(each * power / rough))) * power
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times the powers of ten between `low` and `high`, only the powers where that would be many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    inside = tuple(tick for tick in ticks if low <= tick <= high)
    if len(inside) <= 8:
        return inside
    return tuple(10.0**power for power in powers if low <= 10.0**power <= high)
