"""Ranges of lengths, within which speed is measured apart. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_EDGES = tuple(round(500 * 2.0**power) for power in range(-5, 9))
"""Octaves around the 500 characters at which Sentence Transformers' flowchart divides: 16, 31, 62, 125, 250, 500..."""

_MAX_RANGES = 4
_MIN_SHARE = 0.1
_MIN_TEXTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthRange:
    """Texts of `min_chars` up to `max_chars` characters (included; None: no upper end), by their indices."""

    min_chars: int
    max_chars: int | None
    members: tuple[int, ...]


def length_ranges(lengths: Sequence[int]) -> tuple[LengthRange, ...]:
    """At most four adjoining ranges over `lengths` in characters, each with a tenth of the texts and at least 8.

    Empty where that leaves fewer than two: texts of one length have one speed.
    """
    by_octave: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        by_octave.setdefault(bisect_right(_EDGES, length), []).append(index)
    groups = [(_EDGES[octave - 1] if octave else 0, by_octave[octave]) for octave in sorted(by_octave)]
    while len(groups) > 1:
        smallest = min(range(len(groups)), key=lambda position: len(groups[position][1]))
        few = len(groups[smallest][1]) < max(_MIN_TEXTS, _MIN_SHARE * len(lengths))
        if not few and len(groups) <= _MAX_RANGES:
            break
        beside = [position for position in (smallest - 1, smallest + 1) if 0 <= position < len(groups)]
        other = min(beside, key=lambda position: len(groups[position][1]))
        left, right = sorted((smallest, other))
        groups[left : right + 1] = [(groups[left][0], groups[left][1] + groups[right][1])]
    if len(groups) < 2:
        return ()
    starts = [0, *(start for start, _ in groups[1:])]
    ends = [*(start - 1 for start in starts[1:]), None]
    return tuple(
        LengthRange(min_chars=start, max_chars=end, members=tuple(members))
        for start, end, (_, members) in zip(starts, ends, groups, strict=True)
    )
