"""Which texts are timed together: blocks that all represent the whole length distribution, in batches of neighbours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.measure.workload.durations import STRETCH

MAX_BLOCKS = 4
"""Rounds take the blocks in turn; every block is warmed up once, so more of them would cost time before the race."""

DEFAULT_BATCH = 32
"""Sentence Transformers' default batch size."""

_WANTED_BATCHES = 4
_MAX_BATCHES = 128

_SMALLEST_BATCH = 4
_SLOW_BLOCK_S = 1.0
"""Where two of the smallest batches take the baseline longer than that, they are halved: one text for each of two
streams."""
_SLOWEST_BLOCK_S = 4.0
"""Where two of these take it longer than that, a block is one of them: a 24 x 1024 model takes 3 s for a long text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShape:
    """A block is `num_batches` batches of `batch_size` texts of similar length each."""

    num_batches: int
    batch_size: int

    @property
    def num_texts(self) -> int:
        """Texts in a block."""
        return self.num_batches * self.batch_size


def block_shape(seconds_per_text: float, *, block_s: float) -> BlockShape:
    """The shape of blocks that last the baseline about `block_s`, up to four times that.

    The batches are of 32 texts, Sentence Transformers' default, where four of them fit into that time: with smaller
    ones the baseline measured a quarter faster than its users see it (built-in texts, all-MiniLM-L6-v2, two cores).
    Slower models and longer texts get smaller ones rather than fewer, since a block of one batch holds one length only.
    Only the slowest models have such blocks.
    """
    seconds_per_text = max(seconds_per_text, 1e-6)
    longest_s = STRETCH * block_s
    smallest = _SMALLEST_BATCH if 2 * _SMALLEST_BATCH * seconds_per_text <= _SLOW_BLOCK_S else _SMALLEST_BATCH // 2
    batch_size = next(
        (size for size in (DEFAULT_BATCH, 16, 8) if _WANTED_BATCHES * size * seconds_per_text <= longest_s), smallest
    )
    wanted = round(block_s / (batch_size * seconds_per_text))
    affordable = int(longest_s / (batch_size * seconds_per_text))
    fewest = 2 if 2 * batch_size * seconds_per_text <= _SLOWEST_BLOCK_S else 1
    num_batches = max(fewest, min(affordable, max(_WANTED_BATCHES, wanted), _MAX_BATCHES))
    return BlockShape(num_batches=num_batches, batch_size=batch_size)


def neighbour_blocks(
    lengths: Sequence[int], *, shape: BlockShape, max_blocks: int, seed: int
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Indices into `lengths` (of texts, in any unit) as blocks of batches of texts.

    A corpus is encoded sorted by length, so that texts of similar length share a batch and hardly any padding
    is needed. A few texts drawn from all lengths and sorted alone would be padded to the longest: up to several times
    the work, and not for every backend alike. So the sorted texts are cut into batches of neighbours, the batches into
    `shape.num_batches` strata, and every block gets one batch of each stratum, from the longest stratum on the lightest
    block the longest batch, so that blocks weigh about the same. No text is in two blocks. Where there
    are too few texts for one block, one block repeats them as evenly as it can. Raises ValueError if there are none.
    """
    if not lengths:
        raise ValueError("there are no texts to time")
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    if len(order) < shape.num_texts:
        order = [order[position * len(order) // shape.num_texts] for position in range(shape.num_texts)]
    rng = random.Random(seed)
    total = len(order) // shape.batch_size
    batches = [_spread(order, start, total, shape.batch_size) for start in range(total)]
    num_blocks = min(max_blocks, total // shape.num_batches)
    blocks: list[list[tuple[int, ...]]] = [[] for _ in range(num_blocks)]
    weights = [0] * num_blocks
    for stratum in reversed(range(shape.num_batches)):
        members = batches[stratum * total // shape.num_batches : (stratum + 1) * total // shape.num_batches]
        longest_first = sorted(rng.sample(range(len(members)), num_blocks), reverse=True)
        lightest_first = sorted(range(num_blocks), key=lambda block: weights[block])
        for member, block in zip(longest_first, lightest_first, strict=True):
            blocks[block].append(members[member])
            weights[block] += sum(lengths[index] for index in members[member])
    return tuple(tuple(reversed(block)) for block in blocks)


def stratified(lengths: Sequence[int], *, size: int, max_groups: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Indices into `lengths` dealt into at most `max_groups` groups of `size` texts of all lengths, in random order."""
    blocks = neighbour_blocks(
        lengths, shape=BlockShape(num_batches=size, batch_size=1), max_blocks=max_groups, seed=seed
    )
    rng = random.Random(seed)
    groups = [[index for batch in block for index in batch] for block in blocks]
    for group in groups:
        rng.shuffle(group)
    return tuple(tuple(group) for group in groups)


def _spread(order: Sequence[int], batch: int, num_batches: int, size: int) -> tuple[int, ...]:
    """`size` texts spread evenly over the part of `order` that belongs to `batch`."""
    start, stop = (position * len(order) // num_batches for position in (batch, batch + 1))
    return tuple(order[start + position * (stop - start) // size] for position in range(size))
