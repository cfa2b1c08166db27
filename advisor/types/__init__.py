"""The frozen data that flows between the stages. Units are in the names; SI inside, formatting at the edge.

A name is imported when it is first used (PEP 562): production loads an artifact without the types of a recommendation.
The stub `__init__.pyi` says to type checkers which names there are.
"""

from __future__ import annotations

import importlib

_MODULES = ("words", "files", "machine", "asked", "decided", "measured", "answer")
"""Those that production needs first: a name is looked for in this order."""


def __getattr__(name: str) -> object:
    if not name.startswith("_"):
        for module in _MODULES:
            found = vars(importlib.import_module(f"{__name__}.{module}"))
            if name in found:
                return globals().setdefault(name, found[name])  # asked once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
