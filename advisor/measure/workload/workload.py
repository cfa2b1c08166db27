"""Which texts every candidate is timed and compared on: batches by index, the same for all candidates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from advisor.labels import LabelledSet, cut_to
from advisor.measure.workload.blocks import (
    DEFAULT_BATCH,
    MAX_BLOCKS,
    BlockShape,
    block_shape,
    neighbour_blocks,
    stratified,
)
from advisor.measure.workload.durations import Durations
from advisor.measure.workload.length_ranges import LengthRange, length_ranges
from advisor.measure.workload.sizes import COMPARED, FIRST_PROBE, Sizes, between, unless_slow
from advisor.objectives import NUM_LATENCY_BLOCKS
from advisor.question import Question

_LATENCY_TEXTS = (4, 20)
_RANGE_TEXTS = (4, 128)

_SCREEN_BLOCK_S = 0.2
"""How long a block should take the whole baseline in a screen: a layer or three of it are a fraction of that."""

_SCREEN_SINGLES = 4
_SCREEN_BLOCKS = 1

Batch = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeBatch:
    """The batch that stands for texts of `min_chars` to `max_chars` characters, a `share` of all sampled ones."""

    min_chars: int
    max_chars: int | None
    share: float
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Batches of texts, and what each stands for by its index. The first two are the probe and the reference texts."""

    batches: tuple[Batch, ...]
    blocks: tuple[tuple[int, ...], ...] = ()
    """Each of one batch or more, encoded one after the other in one window."""
    block_texts: tuple[float, ...] = ()
    """How many average texts each block is worth: its characters over the mean of all texts. A block of long texts is
    no slower a block (the ratio estimator; Cochran 1977, Sampling Techniques, chapter 6)."""
    singles: tuple[int, ...] = ()
    """Batches that are encoded one text at a time."""
    ranges: tuple[RangeBatch, ...] = ()
    """Texts of one range of lengths each; empty where lengths vary too little."""
    labels: LabelledSet | None = None
    """The labelled data, as far as there is time for them."""
    labelled: tuple[int, int] | None = None
    """Labelled texts that are asked with, and those that are stored; None without labels."""

    compared: tuple[int, ...] = ()
    """The texts that losses are estimated on, in portions: each doubles the number of texts so far."""

    probe = 0
    reference = 1

    def size(self, *batches: int) -> int:
        """Texts in the batches together."""
        return sum(len(self.batches[batch]) for batch in batches)

    def texts(self, *batches: int) -> Batch:
        """The texts of the batches, one after the other."""
        return tuple(text for batch in batches for text in self.batches[batch])

    @property
    def labelled_texts(self) -> float:
        """How many average texts the labelled ones are worth, by their characters."""
        if self.labels is None:
            return 0.0
        compared = self.texts(*self.compared)
        return self.labels.num_chars / max(1.0, sum(map(len, compared)) / len(compared))


def probe_workload(texts: Sequence[str], *, num_texts: int) -> Workload:
    """What the baseline needs to find out how fast the model is here."""
    return Workload(batches=(_probe(texts, num_texts),))


def screen_workload(question: Question, *, s_per_text: float) -> Workload:
    """What models that are cut are timed on: short blocks of texts of all lengths, and single texts."""
    texts, seed = question.texts, question.request.seed
    lengths = [len(text) for text in texts]
    shape = block_shape(s_per_text, block_s=_SCREEN_BLOCK_S)
    blocks = neighbour_blocks(lengths, shape=shape, max_blocks=_SCREEN_BLOCKS, seed=seed)
    groups = stratified(lengths, size=_SCREEN_SINGLES, max_groups=_SCREEN_BLOCKS, seed=seed + 1)
    probe = _probe(texts, FIRST_PROBE)
    calls = [_calls([_pick(texts, batch) for batch in block], shape) for block in blocks]
    of_blocks, next_batch = [], 1
    for block in calls:
        of_blocks.append(tuple(range(next_batch, next_batch + len(block))))
        next_batch += len(block)
    return Workload(
        batches=(probe, *(batch for block in calls for batch in block), *(_pick(texts, group) for group in groups)),
        blocks=tuple(of_blocks),
        singles=tuple(range(next_batch, next_batch + len(groups))),
    )


def full_workload(question: Question, sizes: Sizes, *, s_per_text: float, durations: Durations) -> Workload:
    """Everything, sized by `sizes` and by the baseline's seconds a text."""
    texts, seed = question.texts, question.request.seed
    labels = question.labels
    if labels is not None and sizes.labelled_chars is not None:
        labels = cut_to(labels, max_chars=sizes.labelled_chars, seed=seed)
    lengths = [len(text) for text in texts]
    mean_chars = sum(lengths) / len(lengths)

    batches = [_probe(texts, sizes.probe), tuple(question.reference_texts)]

    def add(groups: Sequence[Batch]) -> tuple[int, ...]:
        batches.extend(groups)
        return tuple(range(len(batches) - len(groups), len(batches)))

    compared = add(_compared(texts, seed))
    num_singles = between(unless_slow(_LATENCY_TEXTS, sizes.latency_s), durations.latency_block_s / sizes.latency_s)
    groups = stratified(lengths, size=num_singles, max_groups=NUM_LATENCY_BLOCKS, seed=seed + 1)
    singles = add([_pick(texts, group) for group in groups])
    ranges = length_ranges(lengths)
    s_per_char = s_per_text / max(1.0, mean_chars)
    of_ranges = add([_pick(texts, _range_members(each, lengths, s_per_char, durations.range_s)) for each in ranges])
    shape = block_shape(s_per_text, block_s=sizes.block_s)
    blocks = neighbour_blocks(lengths, shape=shape, max_blocks=MAX_BLOCKS, seed=seed)
    of_blocks = tuple(add(_calls([_pick(texts, batch) for batch in block], shape)) for block in blocks)
    labelled = None
    if labels is not None:
        asked, stored = add([tuple(labels.asked), tuple(labels.stored)])
        labelled = asked, stored
    return Workload(
        batches=tuple(batches),
        blocks=of_blocks,
        block_texts=tuple(
            sum(lengths[index] for batch in block for index in batch) / max(1.0, mean_chars) for block in blocks
        ),
        singles=singles,
        ranges=tuple(
            RangeBatch(
                min_chars=each.min_chars,
                max_chars=each.max_chars,
                share=len(each.members) / len(texts),
                batch=batch,
            )
            for each, batch in zip(ranges, of_ranges, strict=True)
        ),
        labels=labels,
        labelled=labelled,
        compared=compared,
    )


def _compared(texts: Sequence[str], seed: int) -> list[Batch]:
    """The distinct texts on which losses are estimated, drawn at random, in portions of cumulative size `COMPARED`."""
    distinct = list(dict.fromkeys(texts))
    random.Random(seed).shuffle(distinct)
    portions = [tuple(distinct[start:end]) for start, end in pairwise((0, *COMPARED))]
    return [portion for portion in portions if portion]


def _probe(texts: Sequence[str], num_texts: int) -> Batch:
    """The `num_texts` texts nearest to the mean length, repeated where there are too few.

    They share a batch without padding. Texts of all lengths would not: sixteen of them made the baseline pad so much
    that every other candidate seemed half as fast again as in the race.
    """
    mean_chars = sum(map(len, texts)) / len(texts)
    nearest = sorted(texts, key=lambda text: abs(len(text) - mean_chars))[:num_texts]
    return tuple(nearest[position % len(nearest)] for position in range(num_texts))


def _range_members(each: LengthRange, lengths: Sequence[int], s_per_char: float, wanted_s: float) -> list[int]:
    """Texts of a range, spread over its lengths: as many as take the baseline about `wanted_s`."""
    ordered = sorted(each.members, key=lambda index: lengths[index])
    mean_chars = sum(lengths[index] for index in ordered) / len(ordered)
    s_per_text = max(s_per_char * mean_chars, 1e-6)
    size = min(len(ordered), between(unless_slow(_RANGE_TEXTS, s_per_text), wanted_s / s_per_text))
    return [ordered[position * len(ordered) // size] for position in range(size)]


def _calls(block: list[Batch], shape: BlockShape) -> list[Batch]:
    """The calls of `encode` for a block. Batches of the default size are one call: `encode` sorts by length itself, and
    finds the same batches again. Smaller ones are a call each, or the baseline would merge texts of unlike lengths."""
    if shape.batch_size == DEFAULT_BATCH:
        return [tuple(text for batch in block for text in batch)]
    return block


def _pick(texts: Sequence[str], indices: Sequence[int]) -> Batch:
    return tuple(texts[index] for index in indices)
