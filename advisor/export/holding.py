"""Saying that a folder is in use, so that no other process removes it: a shared lock on the folder itself.

The lock belongs to the open folder, not to its name, so it stays when the folder is renamed; the system drops it when
the process ends, however it ends. Nothing is written. See flock(2): https://man7.org/linux/man-pages/man2/flock.2.html.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

LONGEST_USE_S = 24 * 3600.0
"""Where folders cannot be locked (Windows, some network file systems): so long after its last use one may be in use."""

_held: dict[tuple[int, int], int] = {}
"""Device and inode of each folder that this process holds, with the descriptor that holds it."""


def hold(folder: Path) -> bool:
    """Keep other processes from removing `folder` until `release` or the end of this process.

    False if there is no such folder. Where folders cannot be locked nothing is held, and the answer is still True.
    """
    if sys.platform == "win32":
        return folder.is_dir()
    while True:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False
        identity = _identity(os.fstat(descriptor))
        if identity in _held:
            os.close(descriptor)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits while another process looks or renames, which is short
        except OSError:
            os.close(descriptor)
            return True
        if _is_at(folder, identity):
            _held[identity] = descriptor
            return True
        os.close(descriptor)  # it was moved away in the meantime: look again


def release(folder: Path) -> None:
    """Hold `folder` no longer. Does nothing if it is gone or is not held by this process."""
    with contextlib.suppress(OSError):
        descriptor = _held.pop(_identity(folder.stat()), None)
        if descriptor is not None:
            os.close(descriptor)


def try_alone(folder: Path) -> bool:
    """Hold `folder` as its only user until `release` or the end of this process; False if another process has it.

    Where folders cannot be locked nothing is held, and the answer is True.
    """
    if sys.platform == "win32":
        return folder.is_dir()
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    identity = _identity(os.fstat(descriptor))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:
        os.close(descriptor)
        return True
    if identity in _held or not _is_at(folder, identity):
        os.close(descriptor)
        return False
    _held[identity] = descriptor
    return True


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether no process holds `folder`, this one included; if so, none can begin to inside the block.

    Keep the block short: others wait for it.
    """
    if sys.platform == "win32":
        yield not _used_lately(folder)
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        yield _lock_alone(descriptor, folder)
    finally:
        os.close(descriptor)


if sys.platform != "win32":

    def _lock_alone(descriptor: int, folder: Path) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return not _used_lately(folder)
        return _is_at(folder, _identity(os.fstat(descriptor)))


def _used_lately(folder: Path) -> bool:
    try:
        latest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return True
    return time.time() - latest < LONGEST_USE_S


def _is_at(folder: Path, identity: tuple[int, int]) -> bool:
    try:
        return _identity(folder.stat()) == identity
    except OSError:
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
