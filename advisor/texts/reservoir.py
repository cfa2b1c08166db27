"""A uniform sample of a stream of unknown length, in one pass and constant memory."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


class Reservoir:
    """Algorithm L: every text of the stream is in the sample with the same probability.

    K.-H. Li, "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))", ACM Transactions on Mathematical
    Software 20(4), 1994, https://doi.org/10.1145/198429.198435. It draws how many texts to skip, so a batch that
    holds no sampled text costs one comparison. The result does not depend on how the stream is cut into batches.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._random = random.Random(seed)
        self._texts: list[str] = []
        self.num_seen = 0
        """How many texts have been offered."""
        self._weight = 1.0
        self._next = size

    def extend(self, texts: Sequence[str]) -> None:
        """Offers the next texts of the stream."""
        start = self.num_seen
        self.num_seen += len(texts)
        if start < self._size:
            self._texts.extend(texts[: self._size - start])
            if self.num_seen < self._size:
                return
            self._next = self._size - 1
            self._skip()
        while self._next < self.num_seen:
            self._texts[self._random.randrange(self._size)] = texts[self._next - start]
            self._skip()

    def sample(self) -> tuple[str, ...]:
        """The sample in a random order fixed by the seed, so that any prefix of it is a uniform sample too."""
        texts = list(self._texts)
        random.Random(self._random.random()).shuffle(texts)
        return tuple(texts)

    def _skip(self) -> None:
        self._weight *= math.exp(math.log(self._uniform()) / self._size)
        # Rounding must not make the weight 1, whose complement has no logarithm.
        weight = min(self._weight, 1.0 - 2.0**-53)
        self._next += 1 + math.floor(math.log(self._uniform()) / math.log1p(-weight))

    def _uniform(self) -> float:
        """Uniform on the open interval (0, 1)."""
        while not (value := self._random.random()):
            continue
        return value
