"""What must not leave the machine in something that is handed on: paths, secrets, texts. Pure.

A report holds no absolute path at all; what is pasted to report a problem keeps the system's own, and the home folder
as `~`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from advisor.document import from_dict, to_dict
from advisor.types import Recommendation

HIDDEN = "***"
Value = TypeVar("Value")

_SECRET_NAME = r"(?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|signature|sig|credential|authorization|auth)"
_FILE_URL = re.compile(r"(?i)\bfile:/+")
_URL_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]*@")
_ASSIGNED = re.compile(
    rf"(?i)\b([\w-]*{_SECRET_NAME}(?:[_-][\w-]*)?['\"]?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?['\"]?[^\s'\"&,;]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_TOKEN = re.compile(
    r"\b(?:hf_\w{8,}|gh[a-z]_\w{8,}|github_pat_\w{8,}|glpat-[\w-]{8,}|sk-[\w-]{8,}|pypi-[\w-]{8,}|AKIA\w{8,}|"
    r"xox[a-z]-[\w-]{8,}|eyJ[\w-]{8,}\.[\w.-]+)"
)
_QUOTED = re.compile(r"(?<!\w)(['\"])(?P<inside>(?:(?!\1).)+)\1(?!\w)")
_QUOTED_PATH = re.compile(r"""(['"])(?P<path>(?:~|[A-Za-z]:)?[/\\](?:[^'"\n]*[/\\])?[^'"/\\\n]*)\1""")
"""A quoted path may hold spaces, and may have one part only."""
_PART = r"""[^\s/\\'"<>|:,;()]"""
_PATH = re.compile(rf"(?<![\w/\\.~])(?P<path>(?:~|[A-Za-z]:)?(?:/|\\{{1,2}})(?:{_PART}+[/\\])+{_PART}*)")
OF_THE_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib/", "/bin/", "/run/")
"""Where no user keeps files of their own: what stands there says how the machine is set up."""

_MANY_WORDS = 3
_LONG = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Redactor:
    """Hides what is private.

    `homes` are names of the home folder, which is shown as `~`; `secrets` are values that are known to be secret;
    paths that begin with one of `kept` stay as they are, all others are cut to their last part.
    """

    homes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """`text` with paths cut to their last part, and secrets as `***`."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _URL_USER.sub(rf"\1{HIDDEN}@", text)
        text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        text = _TOKEN.sub(HIDDEN, text)
        for home in sorted(self.homes, key=len, reverse=True):
            text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])", "~", text)
        text = _QUOTED_PATH.sub(
            lambda found: f"{found[1]}{self._cut(found['path'])}{found[1]}", _FILE_URL.sub("/", text)
        )
        return _PATH.sub(lambda found: self._cut(found["path"]), text)

    def _cut(self, path: str) -> str:
        return path if path.startswith(self.kept) else re.split(r"[/\\]", path)[-1]

    def everywhere(self, value: Value) -> Value:
        """The same value with every text in it redacted, through tuples and frozen dataclasses."""
        clean: Value = self._clean(value)
        return clean

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(self._clean(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: self._clean(getattr(value, each.name)) for each in fields(value)})
        return value


def without_texts(message: str) -> str:
    """An error's message without what may be a user's text: long quotations go, and so does all beyond 160 signs."""

    def shortened(found: re.Match[str]) -> str:
        inside = found["inside"]
        long = len(inside.split()) >= _MANY_WORDS or len(inside) > _LONG
        return f"{found[1]}...{found[1]}" if long and not inside.startswith("/") else found[0]

    short = _QUOTED.sub(shortened, " ".join(message.split()))
    return short if len(short) <= 2 * _LONG else short[: 2 * _LONG].rstrip() + " ..."


# -- reports -------------------------------------------------------------------------------------------------

_REPORTS = Redactor()


def without_paths(text: str) -> str:
    """`text` with every absolute path cut to its last part and without secrets, so that a report can be handed on."""
    return _REPORTS.text(text)


def redacted(rec: Recommendation) -> Recommendation:
    """`rec` with every text in it so cleaned, and without the folders of model, logs and artifact.

    The texts that were measured are never in a recommendation.
    """
    clean = _REPORTS.everywhere(from_dict(to_dict(rec)))
    return clean if clean.artifact is None else replace(clean, artifact=replace(clean.artifact, path=Path()))
