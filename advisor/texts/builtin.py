"""The built-in sample, for users who bring no texts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from advisor.pairs import join
from advisor.texts.made_pairs import make_pairs

LABEL = "built-in sample"

REFERENCE_CHARS = (20, 40, 70, 110, 180, 320, 500, 820)
"""Lengths of the reference texts: for each, the first text that comes closest is taken."""


@cache
def builtin_texts() -> tuple[str, ...]:
    """Some 270 English texts of varied length and topic, one a line of `builtin.txt`."""
    content = files("advisor.texts").joinpath("builtin.txt").read_text(encoding="utf-8")
    return tuple(content.removesuffix("\n").split("\n"))


def reference_texts() -> tuple[str, ...]:
    """Eight fixed texts of the built-in sample, from short to long, whose embeddings an artifact keeps."""
    return tuple(min(builtin_texts(), key=lambda text: abs(len(text) - num_chars)) for num_chars in REFERENCE_CHARS)


def reference_pairs() -> tuple[str, ...]:
    """Eight fixed pairs of these texts, as `advisor.pairs` writes them."""
    return tuple(join(first, second) for first, second in make_pairs(reference_texts()))
