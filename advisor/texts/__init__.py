"""Any source of texts -> a uniform sample and a length profile."""

from __future__ import annotations

from advisor.texts.builtin import builtin_texts, reference_pairs, reference_texts
from advisor.texts.pairs import sample_pairs
from advisor.texts.sample import open_texts, sample_texts
from advisor.texts.tokens import TokenCounter, load_token_counter

__all__ = [
    "TokenCounter",
    "builtin_texts",
    "load_token_counter",
    "open_texts",
    "reference_pairs",
    "reference_texts",
    "sample_pairs",
    "sample_texts",
]
