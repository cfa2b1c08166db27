"""Any kind of model as something that turns texts into rows of numbers: what is timed, compared and proven."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.encode.cross_encoder import CrossEncoder
from advisor.encode.encoder import Encoder
from advisor.encode.opened import Opened
from advisor.encode.opening import open_model
from advisor.encode.sparse_encoder import SparseEncoder
from advisor.types import Runtime, RuntimeSettings


class TextEncoder(Protocol):
    """Texts, or pairs as `advisor.pairs` writes them, to rows of numbers."""

    def encode(self, sentences: Sequence[str], /) -> NDArray[np.float32]:
        """`(num_texts, width)` float32."""
        ...


class ScoredPairs:
    """A cross-encoder; a row is a pair's logits, which the activation would squeeze together at its ends."""

    def __init__(self, encoder: CrossEncoder) -> None:
        self._encoder = encoder
        self.backend = encoder.backend

    def encode(self, sentences: Sequence[str], /) -> NDArray[np.float32]:
        """`(num_pairs, num_labels)` float32."""
        return self._encoder.logits(sentences)


class SparseTexts:
    """A sparse encoder; a row has all its dimensions, as it is compared."""

    def __init__(self, encoder: SparseEncoder) -> None:
        self._encoder = encoder
        self.backend = encoder.backend

    def encode(self, sentences: Sequence[str], /) -> NDArray[np.float32]:
        """`(num_texts, dimension)` float32."""
        return self._encoder.encode(sentences).to_dense()


def as_text_encoder(opened: Opened) -> TextEncoder:
    """An opened model as what it gives of each text."""
    if isinstance(opened, CrossEncoder):
        return ScoredPairs(opened)
    if isinstance(opened, SparseEncoder):
        return SparseTexts(opened)
    assert isinstance(opened, Encoder)  # there are no others
    return opened


def open_measured(
    folder: Path, *, runtime: Runtime, file: Path | None, settings: RuntimeSettings, trust_remote_code: bool = False
) -> TextEncoder:
    """`open_model`, as what it gives of each text; it raises the same."""
    return as_text_encoder(
        open_model(folder, runtime=runtime, file=file, settings=settings, trust_remote_code=trust_remote_code)
    )
