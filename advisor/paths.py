"""Names of files and folders that several parts of advisor know."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The cache folder: `$ADVISOR_CACHE`, else the user's cache folder of this system. Not created here."""
    chosen = os.environ.get("ADVISOR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("backend-advisor", appauthor=False))


MANIFEST = "advisor.json"
"""The file that makes a folder an artifact."""

ROUNDS = "rounds"
"""The folder in the cache that holds measurements, one folder for each."""

JOURNAL = "journal.jsonl"
"""Name of the journal file; a folder without it is not a measurement."""
