"""The seam under the encoder: something that embeds texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.encode.limit import BatchLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """One call's options, resolved and checked."""

    prompt: str = ""
    batch_size: int | None = None
    truncate_dim: int | None = None
    normalize: bool = False
    on_texts: Callable[[int], None] | None = None
    """Called with the number of texts that are newly done, perhaps from several threads."""


class Backend(Protocol):
    """Embeds texts: a graph behind a tokenizer and numpy, or Sentence Transformers as a whole."""

    limit: BatchLimit
    """Of a batch, in tokens for a graph and in texts for Sentence Transformers."""

    def embed(self, texts: Iterable[str], options: EncodeOptions) -> Iterator[NDArray[np.float32]]:
        """Embeddings in the order of the texts, in pieces: `(texts of the piece, embedding_dimension)`, float32.

        No more of `texts` is taken than is needed for the next pieces. No texts give no pieces.
        """

    def close(self) -> None:
        """Give the memory back."""
