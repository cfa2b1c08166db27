"""Counting tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from advisor.errors import ModelError
from advisor.pairs import split
from advisor.texts.batches import grouped, replace_surrogates


class TokenCounter(Protocol):
    """Anything that can say how long texts are for a model."""

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Number of tokens of each text with its special tokens, before any truncation: `(num_texts,) int64`."""
        ...


class JsonTokenCounter:
    """A `TokenCounter` on a `tokenizers` tokenizer; switches its truncation and padding off.

    With `pairs`, every text is a pair (`advisor.pairs`) whose tokens are counted together.
    """

    def __init__(self, tokenizer: Tokenizer, *, pairs: bool = False) -> None:
        self._tokenizer = tokenizer
        self._pairs = pairs
        tokenizer.no_truncation()
        tokenizer.no_padding()

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Number of tokens of each text, `(num_texts,) int64`; a lone surrogate counts as U+FFFD."""
        counts: list[int] = []
        for group in grouped(replace_surrogates(texts), max_texts=256):
            inputs = [split(pair) for pair in group] if self._pairs else group
            counts.extend(len(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(inputs))
        return np.array(counts, dtype=np.int64)


def load_token_counter(tokenizer_json: Path) -> TokenCounter:
    """The counter of a Hugging Face `tokenizer.json`; raises ModelError if the file is missing or broken."""
    if not tokenizer_json.is_file():
        raise ModelError(f"The tokenizer file {tokenizer_json} does not exist.")
    try:
        tokenizer = Tokenizer.from_file(str(tokenizer_json))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"The tokenizer file {tokenizer_json} cannot be read: {error}.") from error
    return JsonTokenCounter(tokenizer)
