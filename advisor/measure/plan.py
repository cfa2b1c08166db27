"""Which texts every candidate is timed and compared on: one file of batches, the same for all."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.labels import LabelledSet
from advisor.measure.blocks import DEFAULT_BATCH, MAX_BLOCKS, BlockShape, block_shape, neighbour_blocks, stratified
from advisor.measure.lengths import LengthRange, length_ranges
from advisor.measure.pace import Pace
from advisor.measure.sizes import FIRST_PROBE, Sizes, between, unless_slow

LATENCY_BLOCKS = 5

_LATENCY_TEXTS = (4, 20)
_RANGE_TEXTS = (8, 128)
_PROBE, _REFERENCE, _COMPARED = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeBatch:
    """The batch that stands for texts of `min_chars` to `max_chars` characters, a `share` of all sampled ones."""

    min_chars: int
    max_chars: int | None
    share: float
    batch: int


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
    ranges: tuple[RangeBatch, ...] = ()
    """Texts of one range of lengths each; empty where lengths vary too little."""
    probe: int = _PROBE
    reference: int = _REFERENCE
    compared: int = _COMPARED
    """Distinct texts, for the accuracy estimate."""
    labelled: tuple[int, int] | None = None
    """Labelled texts that are asked with, and those that are stored; None without labels."""
    labelled_texts: float = 0.0
    """How many average texts the labelled ones are worth, by their characters."""

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Texts in each block, counted."""
        return tuple(sum(self.sizes[batch] for batch in block) for block in self.blocks)


def first_plan(texts: Sequence[str], *, path: Path, num_texts: int = FIRST_PROBE) -> Plan:
    """What the baseline needs to find out how fast this model is here. Writes `path`."""
    return _write([_probe(texts, num_texts)], path=path)


def full_plan(
    texts: Sequence[str],
    reference_texts: Sequence[str],
    *,
    seconds_per_text: float,
    latency_s: float,
    sizes: Sizes,
    pace: Pace,
    path: Path,
    seed: int,
    labels: LabelledSet | None = None,
) -> Plan:
    """Everything, sized by the baseline's seconds per text, in a batch and alone; `labels` whole. Writes `path`."""
    compared = compared_texts(texts, num_texts=sizes.compared, seed=seed)
    num_singles = between(unless_slow(_LATENCY_TEXTS, latency_s), pace.latency_block_s / latency_s)
    singles = _stratified(texts, num_singles, LATENCY_BLOCKS, seed + 1)
    probe = _probe(texts, sizes.probe)
    shape = block_shape(seconds_per_text, block_s=pace.block_s)
    lengths = [len(text) for text in texts]
    blocks = neighbour_blocks(lengths, shape=shape, max_blocks=MAX_BLOCKS, seed=seed)
    mean_chars = sum(lengths) / len(lengths)
    ranges = length_ranges(lengths)
    seconds_per_char = seconds_per_text / max(1.0, mean_chars)
    return _write(
        [probe, list(reference_texts), compared],
        singles=singles,
        blocks=[_calls([[texts[index] for index in batch] for batch in block], shape) for block in blocks],
        block_texts=[sum(lengths[index] for batch in block for index in batch) / mean_chars for block in blocks],
        ranges=ranges,
        range_texts=[
            [texts[index] for index in _range_members(each, lengths, seconds_per_char, pace.range_s)] for each in ranges
        ],
        path=path,
        labels=labels,
    )


def compared_texts(texts: Sequence[str], *, num_texts: int, seed: int) -> list[str]:
    """The distinct texts on which losses are estimated, at most `num_texts` of them."""
    distinct = list(dict.fromkeys(texts))
    random.Random(seed).shuffle(distinct)
    return distinct[:num_texts]


def _probe(texts: Sequence[str], num_texts: int) -> list[str]:
    """The `num_texts` texts nearest to the mean length, repeated where there are too few.

    They share a batch without padding. Texts of all lengths would not: sixteen of them made the baseline pad so much
    that everybody else seemed half as fast again as in the race.
    """
    mean_chars = sum(map(len, texts)) / len(texts)
    nearest = sorted(texts, key=lambda text: abs(len(text) - mean_chars))[:num_texts]
    return [nearest[position % len(nearest)] for position in range(num_texts)]


def _range_members(each: LengthRange, lengths: Sequence[int], seconds_per_char: float, wanted_s: float) -> list[int]:
    """Texts of a range, spread over its lengths: as many as take the baseline about `wanted_s`."""
    ordered = sorted(each.members, key=lambda index: lengths[index])
    mean_chars = sum(lengths[index] for index in ordered) / len(ordered)
    seconds_per_text = max(seconds_per_char * mean_chars, 1e-6)
    size = min(len(ordered), between(unless_slow(_RANGE_TEXTS, seconds_per_text), wanted_s / seconds_per_text))
    return [ordered[position * len(ordered) // size] for position in range(size)]


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
    ranges: Sequence[LengthRange] = (),
    range_texts: Sequence[list[str]] = (),
    labels: LabelledSet | None = None,
) -> Plan:
    everything = [*batches, *singles, *range_texts]
    num_texts = sum(len(each.members) for each in ranges)
    first_range = len(batches) + len(singles)
    block_indices = []
    for block in blocks:
        block_indices.append(tuple(range(len(everything), len(everything) + len(block))))
        everything += block
    labelled = None
    if labels is not None:
        labelled = (len(everything), len(everything) + 1)
        everything += [list(labels.asked), list(labels.stored)]
    mean_chars = sum(map(len, batches[_COMPARED])) / len(batches[_COMPARED]) if len(batches) > _COMPARED else 1.0
    path.write_text(json.dumps(everything), encoding="utf-8")
    return Plan(
        path=path,
        sizes=tuple(len(batch) for batch in everything),
        blocks=tuple(block_indices),
        block_texts=tuple(block_texts),
        singles=tuple(range(len(batches), first_range)),
        labelled=labelled,
        labelled_texts=0.0 if labels is None else labels.num_chars / max(1.0, mean_chars),
        ranges=tuple(
            RangeBatch(
                min_chars=each.min_chars,
                max_chars=each.max_chars,
                share=len(each.members) / num_texts,
                batch=first_range + position,
            )
            for position, each in enumerate(ranges)
        ),
    )


def _stratified(texts: Sequence[str], size: int, max_groups: int, seed: int) -> list[list[str]]:
    groups = stratified([len(text) for text in texts], size=size, max_groups=max_groups, seed=seed)
    return [[texts[index] for index in group] for group in groups]
