"""An artifact -> embeddings or scores: tokenise, batch by token budget, run, pool. What production imports; no torch.

Importing the package is cheap: what it names here brings numpy and tokenizers when they are first
used, and a runtime only when an encoder is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.lazy import imported

if TYPE_CHECKING:
    from advisor.encode.cross_encoder import CrossEncoder
    from advisor.encode.encoder import Encoder
    from advisor.encode.loading import load
    from advisor.encode.measured import open_measured
    from advisor.encode.opening import open_encoder, open_model
    from advisor.encode.sparse import SparseEmbeddings
    from advisor.encode.sparse_encoder import SparseEncoder

__all__ = [
    "CrossEncoder",
    "Encoder",
    "SparseEmbeddings",
    "SparseEncoder",
    "load",
    "open_encoder",
    "open_measured",
    "open_model",
]

_HOMES = {
    "CrossEncoder": "cross_encoder",
    "Encoder": "encoder",
    "load": "loading",
    "open_encoder": "opening",
    "SparseEmbeddings": "sparse",
    "SparseEncoder": "sparse_encoder",
    "open_measured": "measured",
    "open_model": "opening",
}


def __getattr__(name: str) -> Any:
    return imported(__name__, _HOMES, name)
