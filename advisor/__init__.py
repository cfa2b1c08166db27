"""Which backend should run this embedding model, on this machine, for these texts?

The names below are imported when they are first used (PEP 562), so that `import advisor` costs nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from advisor.version import VERSION

if TYPE_CHECKING:
    from advisor.api import recommend, sentence_transformer, verify
    from advisor.encode import CrossEncoder, Encoder, SparseEncoder
    from advisor.encode.loading import load
    from advisor.errors import AdvisorError
    from advisor.types import Recommendation

__version__ = VERSION

# Since 1.29 ONNX Runtime sends usage statistics as soon as it is imported, unless this is set before. The thread that
# would send them also keeps forked children from ending.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "AdvisorError",
    "CrossEncoder",
    "Encoder",
    "Recommendation",
    "SparseEncoder",
    "__version__",
    "load",
    "recommend",
    "sentence_transformer",
    "verify",
]

_HOMES = {
    "recommend": "advisor.api",
    "load": "advisor.encode",
    "sentence_transformer": "advisor.api",
    "verify": "advisor.api",
    "CrossEncoder": "advisor.encode",
    "Encoder": "advisor.encode",
    "SparseEncoder": "advisor.encode",
    "AdvisorError": "advisor.errors",
    "Recommendation": "advisor.types",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'advisor' has no attribute {name!r}") from None
    import importlib

    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
