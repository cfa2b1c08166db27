"""Pairs for a cross-encoder, made of single texts."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

QUERY_CHARS = 100
"""A query is a text's beginning of at most so many characters."""

_READ_CHARS = 2000
_BUCKETS = 4096
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f](?=\s|$)")


def make_pairs(texts: Sequence[str], *, seed: int = 0) -> tuple[tuple[str, str], ...]:
    """One pair for each text, `(query, document)`, of every degree of relation.

    The query is the text's first sentence, or as much of it as fits. Its document is in turn the text itself (as in the
    inverse cloze task; Lee et al. 2019, https://aclanthology.org/P19-1612/), the one that shares most of its rarer
    words, as a first search would find it, and any other one. A query that is its whole text takes no document from
    itself. Fixed by `seed`.
    """
    if len(texts) == 1:
        return ((_query(texts[0]), texts[0]),)
    rng = random.Random(seed)
    nearest = _nearest(texts)
    pairs = []
    for index, text in enumerate(texts):
        query = _query(text)
        if index % 3 == 0 and query != text:
            document = text
        elif index % 3 == 2:
            document = texts[(index + rng.randrange(1, len(texts))) % len(texts)]
        else:
            document = texts[nearest[index]]
        pairs.append((query, document))
    return tuple(pairs)


def _query(text: str) -> str:
    if len(text) <= QUERY_CHARS:
        return text
    end = _SENTENCE_END.search(text, 1, QUERY_CHARS)
    if end is not None:
        return text[: end.end()]
    space = text.rfind(" ", 1, QUERY_CHARS)
    return text[: space if space > 0 else QUERY_CHARS]


def _nearest(texts: Sequence[str]) -> list[int]:
    """For each text the other one with the largest cosine of tf-idf weights, over words hashed into buckets."""
    counts: NDArray[np.float32] = np.zeros((len(texts), _BUCKETS), np.float32)
    for row, text in enumerate(texts):
        for word in _WORD.findall(text[:_READ_CHARS].casefold()):
            counts[row, zlib.crc32(word.encode("utf-8", "replace")) % _BUCKETS] += 1
    holding = (counts > 0).sum(axis=0)
    weights = np.log1p(counts) * np.log1p((len(texts) - holding + 0.5) / (holding + 0.5))  # the idf of BM25
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
    cosines = weights @ weights.T
    np.fill_diagonal(cosines, -1)
    return [int(other) for other in cosines.argmax(axis=1)]
