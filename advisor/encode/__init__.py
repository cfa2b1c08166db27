"""An artifact -> embeddings: tokenise, batch by token budget, run, pool. What production imports; no torch.

Importing the package is cheap: `Encoder`, `load` and `open_encoder` bring numpy and tokenizers when they are first
used, and a runtime only when an encoder is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.encode.encoder import Encoder
    from advisor.encode.loading import load
    from advisor.encode.opening import open_encoder

__all__ = ["Encoder", "load", "open_encoder"]

_HOMES = {
    "Encoder": "encoder",
    "load": "loading",
    "open_encoder": "opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
