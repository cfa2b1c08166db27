"""What must not leave the machine in something that is pasted into a public report: paths, secrets, texts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import PurePath
from typing import Any, TypeVar

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
_PATH = re.compile(r"(?<![\w.~/<])(?:/[^\s'\"/:,;()<>]+){2,}/?|\b[A-Za-z]:[\\/][^\s'\"<>|]+|\\\\[^\s'\"<>|]+")
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib/", "/bin/", "/run/")
"""Where no user keeps files of his own: what stands there says how the machine is set up."""

_MANY_WORDS = 3
_LONG = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Redactor:
    """Hides what is private. `homes` are names of the home folder, `secrets` values that are known to be secret."""

    homes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """`text` with the home folder as `~`, other paths of users as their last part, and secrets as `***`."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _URL_USER.sub(rf"\1{HIDDEN}@", text)
        text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        text = _TOKEN.sub(HIDDEN, text)
        for home in sorted(self.homes, key=len, reverse=True):
            text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])", "~", text)
        text = _FILE_URL.sub("/", text)
        text = _QUOTED.sub(lambda found: _quoted_path(found) or found[0], text)
        return _PATH.sub(lambda found: _shortened(found[0]), text)

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


def _quoted_path(found: re.Match[str]) -> str | None:
    """A quoted path may hold spaces."""
    inside = found["inside"]
    return f"{found[1]}{_shortened(inside)}{found[1]}" if re.match(r"/[^/\s]+/|[A-Za-z]:[\\/]", inside) else None


def _shortened(path: str) -> str:
    if path.startswith(_SYSTEM):
        return path
    return PurePath(path.replace("\\", "/")).name or path
