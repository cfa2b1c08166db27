"""Two texts that a cross-encoder reads together, written as one.

Sampling, blocks of like length, the journal, calibration and the processes between them handle texts, and need not
know what is in them. So a pair passes through these rooms as one text: the number of characters of the first, a colon,
the first, the second, whatever they hold. Only where pairs are read and where they are tokenised is it told apart.
"""

from __future__ import annotations


def join(first: str, second: str) -> str:
    """A pair as one text."""
    return f"{len(first)}:{first}{second}"


def split(pair: str) -> tuple[str, str]:
    """Both texts of what `join` wrote; raises ValueError for anything else."""
    length, colon, both = pair.partition(":")
    if not colon or not length.isdecimal() or int(length) > len(both):
        raise ValueError(f"{pair[:40]!r} is not a pair of texts")
    return both[: int(length)], both[int(length) :]
