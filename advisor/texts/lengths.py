"""Length statistics: exact over a whole stream, or over a sample."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.texts.batches import MAX_TEXT_CHARS
from advisor.types import Histogram, LengthStats

SHORT_TEXT_CHARS = 500
"""What Sentence Transformers' flowchart calls a short text: "usually under 500 characters"
(https://sbert.net/docs/sentence_transformer/usage/efficiency.html)."""


class CharLengths:
    """Counts every length once, so that all statistics are exact over the whole stream in constant memory.

    The one limit: a percentile that falls on a text longer than `MAX_TEXT_CHARS` is given as `MAX_TEXT_CHARS`.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(MAX_TEXT_CHARS + 1, dtype=np.int64)
        self._sum = 0
        self._max = 0

    def add(self, num_chars: NDArray[np.int64]) -> None:
        """Counts the lengths of some texts, `(num_texts,) int64`."""
        if not num_chars.size:
            return
        counts = np.bincount(np.minimum(num_chars, MAX_TEXT_CHARS))
        self._counts[: counts.size] += counts
        self._sum += int(num_chars.sum())
        self._max = max(self._max, int(num_chars.max()))

    @property
    def fraction_short(self) -> float:
        """The share of texts under `SHORT_TEXT_CHARS` characters."""
        return float(self._counts[:SHORT_TEXT_CHARS].sum() / self._counts.sum())

    def stats(self) -> LengthStats:
        """Statistics in characters; percentiles by nearest rank, as in `stats_of`."""
        cumulative = np.cumsum(self._counts)
        num_texts = int(cumulative[-1])
        p50, p90, p95, p99 = (
            float(np.searchsorted(cumulative, -(-num_texts * percent // 100))) for percent in (50, 90, 95, 99)
        )
        return LengthStats(mean=self._sum / num_texts, p50=p50, p90=p90, p95=p95, p99=p99, max=float(self._max))


def stats_of(lengths: NDArray[np.int64]) -> LengthStats:
    """Statistics of `lengths`, `(num_texts,) int64`, at least one.

    Percentiles are by nearest rank (numpy's `inverted_cdf`): the smallest length that is not exceeded by that share.
    """
    p50, p90, p95, p99 = np.percentile(lengths, (50, 90, 95, 99), method="inverted_cdf")
    return LengthStats(
        mean=float(lengths.mean()),
        p50=float(p50),
        p90=float(p90),
        p95=float(p95),
        p99=float(p99),
        max=float(lengths.max()),
    )


def histogram_of(lengths: NDArray[np.int64], *, unit: Literal["tokens", "characters"], num_bins: int = 20) -> Histogram:
    """At most `num_bins` bins over `lengths`, `(num_texts,) int64`, at least one; see `Histogram`.

    The edges are a geometric sequence rounded to whole numbers, so that short ranges get fewer bins than asked for.
    """
    low, high = max(1, int(lengths.min())), int(lengths.max()) + 1
    edges = np.unique(np.rint(np.geomspace(low, max(high, low + 1), num_bins + 1)).astype(np.int64))
    counts, _ = np.histogram(np.maximum(lengths, low), bins=edges)
    return Histogram(unit=unit, edges=tuple(int(edge) for edge in edges), counts=tuple(int(count) for count in counts))
