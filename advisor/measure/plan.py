"""Which texts every candidate is timed and compared on: one file of batches, the same for all."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.measure.blocks import MAX_GROUPS, group_size, stratified_groups
from advisor.measure.pace import Pace

PROBE_TEXTS = 16
LATENCY_BLOCKS = 5

_LATENCY_TEXTS = (4, 20)
_COMPARED_S = 4.0
_COMPARED_TEXTS = (128, 512)
"""At least, and at most; in between as many as the baseline embeds in `_COMPARED_S`. With 512 sentences of STSb an
int8 model's loss is estimated as 0.19 % with an interval of 0.15 to 0.31 %, with 128 as 0.24 %, 0.13 to 0.86 %."""

_PROBE, _REFERENCE, _COMPARED, _FIRST_GROUP = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Batches in a file, by index. `groups` are timed as a whole, `singles` one text at a time."""

    path: Path
    sizes: tuple[int, ...]
    """Texts in each batch."""
    groups: tuple[int, ...] = ()
    singles: tuple[int, ...] = ()
    probe: int = _PROBE
    reference: int = _REFERENCE
    compared: int = _COMPARED
    """Distinct texts, for the accuracy estimate."""


def first_plan(texts: Sequence[str], reference_texts: Sequence[str], *, path: Path, seed: int) -> Plan:
    """What the baseline needs to find out how fast this model is here. Writes `path`."""
    return _write([_stratified(texts, PROBE_TEXTS, 1, seed)[0], list(reference_texts)], path=path)


def full_plan(
    texts: Sequence[str],
    reference_texts: Sequence[str],
    *,
    seconds_per_text: float,
    latency_s: float,
    pace: Pace,
    path: Path,
    seed: int,
) -> Plan:
    """Everything, sized by the baseline's seconds per text, in a batch and alone. Writes `path`."""
    distinct = list(dict.fromkeys(texts))
    random.Random(seed).shuffle(distinct)
    compared = distinct[: _between(_COMPARED_TEXTS, _COMPARED_S / seconds_per_text)]
    groups = _stratified(texts, group_size(seconds_per_text, block_s=pace.block_s), MAX_GROUPS, seed)
    singles = _stratified(texts, _between(_LATENCY_TEXTS, pace.latency_block_s / latency_s), LATENCY_BLOCKS, seed + 1)
    probe = _stratified(texts, PROBE_TEXTS, 1, seed)[0]
    return _write([probe, list(reference_texts), compared, *groups, *singles], path=path, num_groups=len(groups))


def _write(batches: list[list[str]], *, path: Path, num_groups: int = 0) -> Plan:
    path.write_text(json.dumps(batches), encoding="utf-8")
    return Plan(
        path=path,
        sizes=tuple(len(batch) for batch in batches),
        groups=tuple(range(_FIRST_GROUP, _FIRST_GROUP + num_groups)),
        singles=tuple(range(_FIRST_GROUP + num_groups, len(batches))),
    )


def _stratified(texts: Sequence[str], size: int, max_groups: int, seed: int) -> list[list[str]]:
    lengths = [len(text) for text in texts]
    groups = stratified_groups(lengths, size=size, max_groups=max_groups, seed=seed)
    return [[texts[index] for index in group] for group in groups]


def _between(limits: tuple[int, int], wanted: float) -> int:
    return max(limits[0], min(limits[1], round(wanted)))
