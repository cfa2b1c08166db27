"""Which texts go into one batch. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from advisor.types import Runtime

DEFAULT_TOKENS_PER_BATCH: dict[Runtime, int] = {"onnx": 256, "openvino": 512}
"""Measured on two cores with all-MiniLM-L6-v2 and texts of 40 to 3,000 characters, two streams: a batch's activations
then stay in a core's caches. Twice as many cost 1 to 15 %, half as many 0 to 9 % (docs/encoder.md)."""


_LEVELLED = 16
"""With more batches a stream, the last one that others wait for is lost in the whole."""


def plan_batches(
    lengths: NDArray[np.int64], *, tokens_per_batch: int, max_texts: int | None = None, streams: int = 1
) -> list[NDArray[np.int64]]:
    """Cut texts into batches that waste little on padding.

    `lengths` is `(num_texts,)`, in tokens. Texts are sorted by length, the longest first, so that the largest
    allocation comes first; every batch then holds as many as fit into `tokens_per_batch` padded tokens (length of its
    longest text x number of texts), but at least one and at most `max_texts`. With several `streams` of the runtime the
    budget shrinks until each of them gets the same number of batches of about equal work, as far as there are enough
    texts: five batches on two streams would leave one of them idle for a sixth of the time.

    Returns the positions of the texts of each batch; together they are every position exactly once.
    """
    order = np.argsort(-lengths, kind="stable")
    descending: list[int] = np.maximum(lengths[order], 1).tolist()
    most = len(descending) if max_texts is None else max_texts
    ends = _ends(descending, tokens_per_batch, most)
    if streams > 1 and len(ends) <= _LEVELLED * streams:
        ends = _level(descending, tokens_per_batch, most, num_batches=-(-len(ends) // streams) * streams)
    return [order[start:end] for start, end in pairwise((0, *ends))]


def _ends(descending: list[int], budget: int, most: int) -> list[int]:
    """Where each batch of at most `budget` padded tokens and `most` texts ends."""
    ends = []
    end = 0
    while end < len(descending):
        end = min(len(descending), end + min(most, max(1, budget // descending[end])))
        ends.append(end)
    return ends


def _level(descending: list[int], budget: int, most: int, *, num_batches: int) -> list[int]:
    """The ends of at most `num_batches` batches, the largest of which is as small as it can be."""
    too_small, enough = -(-sum(descending) // num_batches) - 1, budget
    best = _ends(descending, enough, most)
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        ends = _ends(descending, middle, most)
        if len(ends) > num_batches:
            too_small = middle
        else:
            enough, best = middle, ends
    return best
