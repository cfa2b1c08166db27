"""Any kind of model as something that turns texts into rows of numbers: what is timed, compared and proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class CanBeCut(Protocol):
    """A model whose first layers can run alone."""

    def cut(self, depth: int) -> None:
        """Keep the first `depth` layers. Raises ModelError where that is not possible."""
        ...


class _Rows:
    """A model of another kind as a `TextEncoder`; `backend` says how far memory limited its batches."""

    def __init__(self, opened: Opened, encode: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
        self.encode = encode
        self.backend = opened.backend


def as_text_encoder(opened: Opened) -> TextEncoder:
    """An opened model whose rows are embeddings, with all dimensions of a sparse one, or the logits of a pair.

    Logits and not scores: an activation would squeeze them together at its ends.
    """
    if isinstance(opened, CrossEncoder):
        return _Rows(opened, opened.logits)
    if isinstance(opened, SparseEncoder):
        return _Rows(opened, lambda texts: opened.encode(texts).to_dense())
    assert isinstance(opened, Encoder)  # there are no others
    return opened


def open_measured(
    folder: Path,
    *,
    runtime: Runtime,
    file: Path | None,
    settings: RuntimeSettings,
    trust_remote_code: bool = False,
    depth: int | None = None,
) -> TextEncoder:
    """`open_model`, as what it gives of each text; it raises the same.

    `depth` cuts a model in PyTorch to its first layers. A graph that is cut is another file.
    """
    opened = open_model(folder, runtime=runtime, file=file, settings=settings, trust_remote_code=trust_remote_code)
    if depth is not None and isinstance(opened.backend, CanBeCut):
        opened.backend.cut(depth)
    return as_text_encoder(opened)
