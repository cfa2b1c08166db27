"""Several exporters for one file: the first that gives a right one is taken."""

from __future__ import annotations

import errno
import os
import shutil
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.export.failure import ExportError, is_disk_full, reason_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Who made the file, how far it is from torch, and a note about those that failed before."""

    by: str
    difference: float
    notes: tuple[str, ...]


def first_right(exporters: Mapping[str, Callable[[], float]], *, folder: Path, needed_bytes: int) -> Made:
    """Call the exporters in order until one does not raise; each returns its difference from torch.

    `folder`, which they write a file of about `needed_bytes` to, is emptied after a failure; its parent exists.
    Raises ExportError with every reason if all fail, and OSError with ENOSPC if the disk is full.
    """
    reasons: dict[str, str] = {}
    for by, make in exporters.items():
        try:
            difference = make()
        except Exception as error:
            if is_disk_full(error, folder.parent, needed_bytes=needed_bytes):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            traceback.print_exc()
            reasons[by] = reason_of(error)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return Made(by=by, difference=difference, notes=tuple(f"{by} failed: {why}" for by, why in reasons.items()))
    raise ExportError("; ".join(f"{by} failed: {reason}" for by, reason in reasons.items()))
