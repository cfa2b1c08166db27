"""Which texts static int8 is calibrated on, and how much of each: pure arithmetic on token counts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """Bounds of the calibration set.

    The number of tokens is bounded by work, 2 FLOP a parameter and token (Kaplan et al. 2020, arXiv:2001.08361,
    section 2.1), so that calibrating a larger model does not take for ever.
    """

    max_texts: int
    """NNCF's own default: https://docs.openvino.ai/2025/openvino-workflow/model-optimization-guide/quantizing-models-post-training/basic-quantization-flow.html."""
    min_texts: int
    """Where the tokens do not allow as many, each text is cut instead."""
    max_tokens: int
    min_tokens: int
    flop: float

    def to_dict(self) -> dict[str, float]:
        """For the cache key."""
        return asdict(self)


CALIBRATION = CalibrationSettings(max_texts=300, min_texts=32, max_tokens=16_384, min_tokens=4_096, flop=3.5e11)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSet:
    """Indices into the texts, shortest text first, and the number of tokens that each is cut to."""

    indices: tuple[int, ...]
    max_tokens: int


def choose_calibration(token_counts: Sequence[int], *, num_parameters: int) -> CalibrationSet:
    """Choose texts at even steps through the texts sorted by length, so that every length is there in proportion.

    `token_counts` are counted after the model's own truncation; `num_parameters` leaves out the embeddings.
    """
    tokens = CALIBRATION.flop / (2 * max(1, num_parameters))
    budget = int(min(max(tokens, CALIBRATION.min_tokens), CALIBRATION.max_tokens))
    order = sorted(range(len(token_counts)), key=lambda index: (token_counts[index], index))
    size = min(len(order), CALIBRATION.max_texts)
    floor = min(size, CALIBRATION.min_texts)
    chosen = _evenly(order, size)
    while size > floor and (total := sum(token_counts[index] for index in chosen)) > budget:
        size = max(floor, min(size - 1, int(size * budget / total)))
        chosen = _evenly(order, size)
    lengths = [token_counts[index] for index in chosen]
    cuts = range(1, max(lengths, default=0) + 1)
    num_fitting = bisect_right(cuts, budget, key=lambda cut: sum(min(length, cut) for length in lengths))
    return CalibrationSet(indices=tuple(chosen), max_tokens=max(1, num_fitting))


def _evenly(order: Sequence[int], size: int) -> list[int]:
    """`size` elements of `order`, in the middle of equal shares."""
    return [order[(2 * place + 1) * len(order) // (2 * size)] for place in range(size)]
