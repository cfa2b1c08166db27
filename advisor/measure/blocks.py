"""Which texts are timed together: groups that all represent the whole length distribution."""

from __future__ import annotations

import random
from collections.abc import Sequence

MAX_GROUPS = 4
"""Rounds take the groups in turn; every group is warmed up once, so more of them would cost time before the race."""

_WHOLE_BATCH = 32
"""Sentence Transformers' default batch size; a half-empty last batch would flatter everyone but the baseline."""

_MIN_GROUP = 8


def group_size(seconds_per_text: float, *, block_s: float) -> int:
    """How many texts make a block that lasts the baseline about `block_s`, in whole batches where it can."""
    wanted = block_s / max(seconds_per_text, 1e-6)
    if wanted >= _WHOLE_BATCH:
        return min(_WHOLE_BATCH * round(wanted / _WHOLE_BATCH), 4096)
    return max(_MIN_GROUP, round(wanted))


def stratified_groups(lengths: Sequence[int], *, size: int, max_groups: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Indices into `lengths` (of texts, in any unit), dealt into at most `max_groups` groups of `size` each.

    The texts are sorted by length and cut into `size` strata, and every group gets one text of each stratum, so all
    groups have nearly the same lengths. No text is in two groups. Where there are fewer than `size` texts, one group
    repeats them all as evenly as it can. The order inside a group is random. Raises ValueError if there are no texts.
    """
    if not lengths:
        raise ValueError("there are no texts to time")
    rng = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    if len(order) < size:
        group = [order[position * len(order) // size] for position in range(size)]
        rng.shuffle(group)
        return (tuple(group),)
    num_groups = min(max_groups, len(order) // size)
    groups: list[list[int]] = [[] for _ in range(num_groups)]
    for stratum in range(size):
        members = order[stratum * len(order) // size : (stratum + 1) * len(order) // size]
        for group, index in zip(groups, rng.sample(members, num_groups), strict=True):
            group.append(index)
    for group in groups:
        rng.shuffle(group)
    return tuple(tuple(group) for group in groups)
