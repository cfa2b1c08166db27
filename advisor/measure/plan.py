"""Which texts every candidate is timed and compared on: one file of batches, the same for all."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.measure.blocks import DEFAULT_BATCH, MAX_BLOCKS, BlockShape, block_shape, neighbour_blocks, stratified
from advisor.measure.pace import Pace

PROBE_TEXTS = 16
LATENCY_BLOCKS = 5

_LATENCY_TEXTS = (4, 20)
_COMPARED_S = 4.0
_COMPARED_TEXTS = (128, 512)
"""At least, and at most; in between as many as the baseline embeds in `_COMPARED_S`. With 512 sentences of STSb an
int8 model's loss is estimated as 0.19 % with an interval of 0.15 to 0.31 %, with 128 as 0.24 %, 0.13 to 0.86 %."""

_PROBE, _REFERENCE, _COMPARED = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Batches in a file, by index. Each of `blocks` is one batch or more, encoded one after the other in one window;
    `singles` are encoded one text at a time."""

    path: Path
    sizes: tuple[int, ...]
    """Texts in each batch."""
    blocks: tuple[tuple[int, ...], ...] = ()
    block_texts: tuple[float, ...] = ()
    """How many average texts each block is worth: its characters over the mean of all texts. A block of long texts is
    no slower a block (the ratio estimator; Cochran 1977, Sampling Techniques, chapter 6)."""
    singles: tuple[int, ...] = ()
    probe: int = _PROBE
    reference: int = _REFERENCE
    compared: int = _COMPARED
    """Distinct texts, for the accuracy estimate."""

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Texts in each block, counted."""
        return tuple(sum(self.sizes[batch] for batch in block) for block in self.blocks)


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
    singles = _stratified(texts, _between(_LATENCY_TEXTS, pace.latency_block_s / latency_s), LATENCY_BLOCKS, seed + 1)
    probe = _stratified(texts, PROBE_TEXTS, 1, seed)[0]
    shape = block_shape(seconds_per_text, block_s=pace.block_s)
    lengths = [len(text) for text in texts]
    blocks = neighbour_blocks(lengths, shape=shape, max_blocks=MAX_BLOCKS, seed=seed)
    mean_chars = sum(lengths) / len(lengths)
    return _write(
        [probe, list(reference_texts), compared],
        singles=singles,
        blocks=[_calls([[texts[index] for index in batch] for batch in block], shape) for block in blocks],
        block_texts=[sum(lengths[index] for batch in block for index in batch) / mean_chars for block in blocks],
        path=path,
    )


def _calls(block: list[list[str]], shape: BlockShape) -> list[list[str]]:
    """The calls of `encode` for a block. Batches of the default size are one call: `encode` sorts by length itself, and
    finds the same batches again. Smaller ones are a call each, or the baseline would merge what is not alike."""
    if shape.batch_size == DEFAULT_BATCH:
        return [[text for batch in block for text in batch]]
    return block


def _write(
    batches: list[list[str]],
    *,
    path: Path,
    singles: Sequence[list[str]] = (),
    blocks: Sequence[Sequence[list[str]]] = (),
    block_texts: Sequence[float] = (),
) -> Plan:
    everything = [*batches, *singles]
    block_indices = []
    for block in blocks:
        block_indices.append(tuple(range(len(everything), len(everything) + len(block))))
        everything += block
    path.write_text(json.dumps(everything), encoding="utf-8")
    return Plan(
        path=path,
        sizes=tuple(len(batch) for batch in everything),
        blocks=tuple(block_indices),
        block_texts=tuple(block_texts),
        singles=tuple(range(len(batches), len(batches) + len(singles))),
    )


def _stratified(texts: Sequence[str], size: int, max_groups: int, seed: int) -> list[list[str]]:
    groups = stratified([len(text) for text in texts], size=size, max_groups=max_groups, seed=seed)
    return [[texts[index] for index in group] for group in groups]


def _between(limits: tuple[int, int], wanted: float) -> int:
    return max(limits[0], min(limits[1], round(wanted)))
