"""Any number of texts in pieces that fit into memory, and those in portions of texts of like length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

TEXTS_AT_ONCE = 8192
"""Texts in a window: enough to sort well, few enough to bound memory."""

SPARSE_TEXTS_AT_ONCE = 256
"""Texts of a sparse encoder, whose rows are held whole until what is zero is dropped: 30 MB of 30,000 dimensions."""

CHARS_AT_ONCE = 16_000_000
"""A window ends after so many characters, so that few long texts bound memory as well as many short ones do."""

PORTION_CHARS = 65_536
"""A portion has about so many characters: some milliseconds of tokenising, and dozens of batches' work."""


def windows(texts: Iterable[str], *, at_once: int | None = None) -> Iterator[Sequence[str]]:
    """Cut texts into windows of at most `at_once` texts, `TEXTS_AT_ONCE` unless said otherwise.

    A short enough sequence is one window, as it is.
    """
    at_once = TEXTS_AT_ONCE if at_once is None else at_once
    if isinstance(texts, Sequence) and len(texts) <= at_once and sum(map(len, texts)) <= CHARS_AT_ONCE:
        if texts:
            yield texts
        return
    rest = iter(texts)
    while window := _filled(islice(rest, at_once)):
        yield window


def _filled(texts: Iterator[str]) -> list[str]:
    window, num_chars = [], 0
    for text in texts:
        window.append(text)
        num_chars += len(text)
        if num_chars > CHARS_AT_ONCE:
            break
    return window


def portions(texts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """Positions of texts, the longest first, in portions of about `PORTION_CHARS` characters.

    Characters are known before tokens are, and nearly in their order. Together the portions are every position once.
    """
    num_chars = np.fromiter(map(len, texts), np.int64, len(texts))
    order = np.argsort(-num_chars, kind="stable")
    which = np.cumsum(num_chars[order]) // PORTION_CHARS
    yield from np.split(order, np.flatnonzero(np.diff(which)) + 1)
