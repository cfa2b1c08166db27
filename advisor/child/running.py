"""This process's own workers that are running, and whatever they started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

_MODULES = "advisor."
"""Every worker is started as `python -m advisor...`."""


def own_processes() -> Iterator[Process]:
    """Each worker and each of its descendants. Other children of this process, such as a browser or the workers of a
    program that imports advisor, are none of them."""
    import psutil

    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            if any(part.startswith(_MODULES) for part in child.cmdline()):
                yield from (*child.children(recursive=True), child)
