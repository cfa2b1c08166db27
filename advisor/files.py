"""A file's hash, and a file that appears whole or not at all. Standard library alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) beside `path`, and rename it into its place: whoever reads it meanwhile, or after
    a crash, finds the old file or the new one. Raises OSError, and leaves nothing beside it then."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(name, 0o666 & ~umask())  # mkstemp's 0o600 would lock other users out
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def umask() -> int:
    """The permissions that new files of this process are denied; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
