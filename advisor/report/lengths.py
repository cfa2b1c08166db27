"""Who is best on texts of which length, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from advisor.report import format as fmt
from advisor.whatif import LengthBest


def crossover(found: Sequence[LengthBest]) -> str:
    """`up to 127 characters openvino-qint8, from 128 on openvino-bf16`; empty where nothing is known by length."""
    if not found:
        return ""
    runs = [(name, list(group)) for name, group in groupby(found, key=lambda each: each.candidate)]
    if len(runs) == 1:
        level = dict.fromkeys(name for each in found for name in each.tied)
        noise = f", with {', '.join(level)} within noise of it" if level else ""
        return f"{runs[0][0]} is the best at every length{noise}"
    parts = []
    for index, (name, group) in enumerate(runs):
        low, high = group[0].min_chars, group[-1].max_chars
        if index == 0 and high is not None:
            parts.append(f"up to {fmt.plural(high, 'character')} {name}")
        elif high is None or index == len(runs) - 1:
            parts.append(f"from {fmt.count(low)} on {name}")
        else:
            parts.append(f"from {fmt.count(low)} to {fmt.count(high)} {name}")
    return ", ".join(parts)


def sentence(found: Sequence[LengthBest]) -> str:
    """The same as the start of a sentence; a candidate's name stays as it is."""
    said = crossover(found)
    return f"{said[0].upper()}{said[1:]}" if said.startswith("up") else said


def span(min_chars: int, max_chars: int | None) -> str:
    """A range of lengths in characters: `0-63`, `128 and more`."""
    return f"{fmt.count(min_chars)} and more" if max_chars is None else f"{fmt.count(min_chars)}-{fmt.count(max_chars)}"
