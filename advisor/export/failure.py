"""Why a candidate could not be exported."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

_FULL_BELOW_BYTES = 1 << 20


class ExportError(Exception):
    """A reason in one line, written for the user. Stays inside the worker."""


def reason_of(error: BaseException) -> str:
    """An exception of a library as one line of at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, ExportError):
        return lines[0] if lines else "unknown"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"needs {package}, which is not installed: pip install 'backend-advisor[profile]'"
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether `error` came from a full disk. C++ writers report one as anything but ENOSPC, so the disk is asked too.

    `folder` is the existing folder that was written to, with everything that was written still in it.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return shutil.disk_usage(folder).free < _FULL_BELOW_BYTES
