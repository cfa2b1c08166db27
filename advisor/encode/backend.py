"""The seam under the encoder: something that embeds texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """One call's options, resolved and checked."""

    prompt: str = ""
    batch_size: int | None = None
    truncate_dim: int | None = None
    normalize: bool = False


class Backend(Protocol):
    """Embeds texts: a graph behind a tokenizer and numpy, or Sentence Transformers as a whole."""

    def embed(self, texts: Sequence[str], options: EncodeOptions) -> NDArray[np.float32]:
        """Embeddings of shape `(num_texts, embedding_dimension)`, float32; at least one text."""

    def close(self) -> None:
        """Give the memory back."""
