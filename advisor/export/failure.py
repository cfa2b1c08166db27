"""Why a candidate could not be exported."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path


class ExportError(Exception):
    """A reason in one line, written for the user. Stays inside the worker."""


class UnneededError(ExportError):
    """There is nothing to make, and nothing wrong with that; the reason is kept in the cache."""


def reason_of(error: BaseException) -> str:
    """An exception of a library as one line of at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, ExportError):
        return lines[0] if lines else "unknown"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        extra = "optimum" if package == "optimum" else "profile"
        return f"needs {package}, which is not installed: pip install 'backend-advisor[{extra}]'"
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def is_disk_full(error: BaseException, folder: Path, *, needed_bytes: int) -> bool:
    """Whether `error` came from a disk too full for a file of `needed_bytes` in `folder`, which exists.

    C++ writers report a full disk as anything but ENOSPC, and remove what they wrote, so the disk is asked too.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return shutil.disk_usage(folder).free < needed_bytes
