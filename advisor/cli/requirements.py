"""What advisor and its extras ask for, and what of it is installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from advisor.report.doctor import Extra

DISTRIBUTION = "backend-advisor"
_FOR_USERS = ("onnx", "openvino", "profile", "optimum", "tui", "demo")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*\(?(?P<versions>[^;)]*)\)?\s*(?:;(?P<marker>.*))?", re.DOTALL)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_BOUND = re.compile(r"\s*(>=|<=|==|!=|<|>)\s*([\d.]+)\s*")

_INSTEAD = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")}
"""Distributions that provide the same module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What advisor itself lacks, and what each extra does."""

    core: Extra
    extras: tuple[Extra, ...]


def read() -> Requirements:
    """From advisor's own metadata; nothing is required where there are none, as in a folder of sources."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        lines = []
    by_extra: dict[str | None, list[re.Match[str]]] = {}
    for line in lines:
        found = _REQUIREMENT.fullmatch(line.strip())
        if found is not None:
            extra = _EXTRA.search(found["marker"] or "")
            by_extra.setdefault(None if extra is None else extra[1], []).append(found)
    return Requirements(
        core=_extra("core", by_extra.get(None, ())),
        extras=tuple(_extra(name, by_extra[name]) for name in _FOR_USERS if name in by_extra),
    )


def version_of(name: str) -> str | None:
    """The installed version, None where it is not installed or says none."""
    try:
        version: str | None = metadata.version(name)
    except (metadata.PackageNotFoundError, KeyError):
        return None
    return version


def fits(version: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `>=5.23,<6`, by its numbers alone; other signs are not judged."""
    mine = _numbers(version)
    for bound in bounds.split(","):
        found = _BOUND.fullmatch(bound)
        if found is None:
            continue
        limit = _numbers(found[2])
        width = max(len(mine), len(limit))
        left, right = (numbers + (0,) * (width - len(numbers)) for numbers in (mine, limit))
        within = {
            ">=": left >= right,
            "<=": left <= right,
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            ">": left > right,
        }
        if not within[found[1]]:
            return False
    return True


def _extra(name: str, required: Iterable[re.Match[str]]) -> Extra:
    missing, unfit = [], []
    for each in required:
        package, bounds = each["name"], each["versions"].strip()
        version = next(filter(None, map(version_of, (package, *_INSTEAD.get(package, ())))), None)
        if version is None:
            missing.append(package)
        elif not fits(version, bounds):
            unfit.append(f"{package} {version} ({bounds})")
    return Extra(name=name, missing=tuple(missing), unfit=tuple(unfit))


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in release[1].split(".")) if release else ()
