"""Which texts go into one batch. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from advisor.types import Runtime

DEFAULT_TOKENS_PER_BATCH: dict[Runtime, int] = {"onnx": 256, "openvino": 512}
"""Measured on two cores with all-MiniLM-L6-v2 and texts of 40 to 3,000 characters, two streams: a batch's activations
then stay in a core's caches. Twice as many cost 1 to 15 %, half as many 0 to 9 % (docs/encoder.md)."""


def plan_batches(
    lengths: NDArray[np.int64], *, tokens_per_batch: int, max_texts: int | None = None, at_least: int = 1
) -> list[NDArray[np.int64]]:
    """Cut texts into batches that waste little on padding.

    `lengths` is `(num_texts,)`, in tokens. Texts are sorted by length, the longest first, so that the largest
    allocation comes first; every batch then holds as many as fit into `tokens_per_batch` padded tokens (length of its
    longest text x number of texts), but at least one and at most `max_texts`. Where there are enough texts, the budget
    shrinks until there are `at_least` batches of about equal work, one for each stream of the runtime.

    Returns the positions of the texts of each batch; together they are every position exactly once.
    """
    order = np.argsort(-lengths, kind="stable")
    descending = np.maximum(lengths[order], 1)
    budget = tokens_per_batch
    if at_least > 1:
        budget = min(budget, -(-int(descending.sum()) // at_least))
    batches = []
    start = 0
    while start < len(order):
        count = max(1, budget // int(descending[start]))
        if max_texts is not None:
            count = min(count, max_texts)
        batches.append(order[start : start + count])
        start += count
    return batches
