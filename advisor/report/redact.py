"""A recommendation that can be handed on: no absolute path, no home folder. Pure.

The texts themselves are never in a recommendation; what could tell of a machine's owner is where files lie on it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from advisor.document import from_dict, to_dict
from advisor.types import Recommendation

_FILE_URL = re.compile(r"file:/+", re.IGNORECASE)
_QUOTED = re.compile(r"""(['"])(?:~|[A-Za-z]:)?[/\\](?:[^'"\n]*[/\\])?([^'"/\\\n]*)\1""")
_PART = r"""[^\s/\\'"<>|]"""
_PATH = re.compile(rf"(?<![\w/\\.~])(?:~|[A-Za-z]:)?(?:/|\\{{1,2}})(?:{_PART}+[/\\])+({_PART}*)")


def without_paths(text: str) -> str:
    """`text` with every absolute path cut to its last part, so that a report can be handed on."""
    text = _QUOTED.sub(r"\1\2\1", _FILE_URL.sub("/", text))
    return _PATH.sub(r"\1", text)


def redacted(rec: Recommendation) -> Recommendation:
    """`rec` with absolute paths cut to their last part in every text, and without the folders of model and artifact."""
    clean = from_dict(_redacted(to_dict(rec)))
    if clean.artifact is None:
        return clean
    return replace(clean, artifact=replace(clean.artifact, path=Path()))


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return without_paths(value)
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value
