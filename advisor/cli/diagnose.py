"""Reads what `advisor doctor` shows. Nothing that is missing or broken stops it; no runtime is imported here."""

from __future__ import annotations

import locale
import os
import platform
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import catalogue
from advisor.cli import requirements
from advisor.cli.checks import Facts, run_checks
from advisor.device import as_seen_on, choose_device
from advisor.export.choice import choose_exporter
from advisor.report.doctor import CacheState, Diagnosis, Fitness, LoggedError, Variable
from advisor.report.glyphs import UNICODE
from advisor.report.privacy import without_texts
from advisor.types import ExporterName, Hardware
from advisor.version import VERSION

if TYPE_CHECKING:
    from advisor.cache import Inventory
    from advisor.cli.terminal import Stream

_MAX_ERRORS = 5
_TAIL_BYTES = 65536
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?")

_ONNXRUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")
_TO_MEASURE = ("torch", "transformers", "sentence-transformers")

_NUMBERS = r"[\d, :-]{0,40}"
_SWITCH = r"(?i:0|1|true|false|yes|no|on|off|)"
_NAME = r"[\w.@+-]{0,30}"
_PATHS = r".*"
"""Shown as any other path: redacted."""

_VARIABLES: dict[str, str | None] = {
    "ADVISOR_CACHE": _PATHS,
    "HF_HOME": None,
    "HF_HUB_CACHE": None,
    "HF_HUB_OFFLINE": _SWITCH,
    "HF_ENDPOINT": None,
    "HF_TOKEN": None,
    "TRANSFORMERS_OFFLINE": _SWITCH,
    "TOKENIZERS_PARALLELISM": _SWITCH,
    "OMP_NUM_THREADS": _NUMBERS,
    "MKL_NUM_THREADS": _NUMBERS,
    "OPENBLAS_NUM_THREADS": _NUMBERS,
    "CUDA_VISIBLE_DEVICES": _NUMBERS,
    "CUDA_DEVICE_ORDER": _NAME,
    "NVIDIA_TF32_OVERRIDE": _SWITCH,
    "PYTORCH_CUDA_ALLOC_CONF": None,
    "PYTORCH_ENABLE_MPS_FALLBACK": _SWITCH,
    "TORCHINDUCTOR_CACHE_DIR": None,
    "CXX": _NAME,
    "LD_PRELOAD": None,
    "LD_LIBRARY_PATH": None,
    "PYTHONPATH": None,
    "PYTHONUTF8": _SWITCH,
    "PYTHONIOENCODING": _NAME,
    "HTTPS_PROXY": None,
    "LC_ALL": _NAME,
    "LANG": _NAME,
    "TERM": _NAME,
    "COLUMNS": _NUMBERS,
    "NO_COLOR": _SWITCH,
}
"""Those that matter, with what a harmless value looks like; any other value is only said to be set."""

_NOT_WITH: dict[ExporterName, str] = {"native": "optimum", "optimum": "profile"}
"""The extra of the other stack, of which nobody has both."""


def diagnose(*, terminal: Stream) -> Diagnosis:
    """Look at everything. Texts in it are as they were read: the caller redacts them."""
    from advisor.probe import probe, read_packages

    hardware = probe(runtimes=True)
    packages = read_packages()
    root, inventory, cache = _cache()
    exporter = choose_exporter(None, packages)
    needs = requirements.read()
    extras = tuple(each for each in needs.extras if each.name != _NOT_WITH[exporter])
    facts = Facts(
        hardware=hardware,
        versions=_versions((*_ONNXRUNTIMES, "optimum-onnx", "optimum-intel", *_TO_MEASURE)),
        core=needs.core,
        extras=extras,
        cache=cache,
        cache_unwritable=None if root is None else _unwritable(root),
        disk_free_bytes=None if root is None else _free_bytes(root),
        logical_cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        offline=(os.environ.get("HF_HUB_OFFLINE") or "0").lower() in {"1", "true", "yes", "on"},
        tf32_forced=os.environ.get("NVIDIA_TF32_OVERRIDE") == "1",
        hidden_gpus=os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"},
        unicode=terminal.glyphs is UNICODE,
    )
    return Diagnosis(
        advisor_version=VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        python=_python(),
        system=_system(),
        terminal=_terminal(terminal),
        hardware=hardware,
        packages=packages,
        extras=extras,
        candidates=judge_candidates(
            hardware, {each.name for each in packages if each.version is not None}, exporter=exporter
        ),
        variables=tuple(_variable(name, harmless) for name, harmless in _VARIABLES.items()),
        cache=cache,
        errors=() if inventory is None else last_errors(inventory),
        checks=run_checks(facts),
    )


def last_errors(inventory: Inventory) -> tuple[LoggedError, ...]:
    """The errors in the logs of the last runs, the newest first."""
    found: list[LoggedError] = []
    newest = sorted((log.path for log in inventory.logs), key=_changed, reverse=True)
    for path in newest:
        for log in sorted(path.glob("*.log")) if path.is_dir() else [path]:
            message = _last_error(log)
            if message is not None:
                run = path.name if path.is_dir() else "internal error"
                found.append(LoggedError(run=run, log=log.name, message=without_texts(message)))
            if len(found) == _MAX_ERRORS:
                return tuple(found)
    return tuple(found)


def _last_error(log: Path) -> str | None:
    """The line that ends the last traceback in a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            tail = file.read().decode("utf-8", errors="replace")
    except OSError:
        return None
    _, traceback, after = tail.rpartition("Traceback (most recent call last):")
    if not traceback:
        return None
    return next((line for line in after.splitlines() if _RAISED.fullmatch(line)), None)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _cache() -> tuple[Path | None, Inventory | None, CacheState]:
    from advisor.cache import read_inventory
    from advisor.errors import AdvisorError
    from advisor.paths import cache_dir

    try:
        root = cache_dir()
    except (OSError, RuntimeError) as error:  # no home folder
        return None, None, CacheState(path="the cache", problem=f"its place cannot be found out ({error})")
    try:
        held = read_inventory(root, hashed=False)
    except (AdvisorError, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a folder"
        return root, None, CacheState(path=str(root), problem=problem)
    return (
        root,
        held,
        CacheState(
            path=str(root),
            num_exports=len(held.exports),
            num_broken=sum(entry.state != "whole" and not entry.in_use for entry in held.exports),
            num_logs=len(held.logs),
            size_bytes=held.size_bytes,
        ),
    )


def _unwritable(root: Path) -> str | None:
    """Why no file can be written to the cache, or where it would be made; nothing stays behind."""
    try:
        with tempfile.TemporaryFile(dir=_standing(root)):
            return None
    except OSError as error:
        return f"it cannot be written to ({error.strerror or error})"


def _free_bytes(root: Path) -> int | None:
    try:
        return shutil.disk_usage(_standing(root)).free
    except OSError:
        return None


def _standing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next((each for each in (path, *path.parents) if each.exists()), path)


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {name: requirements.version_of(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def judge_candidates(
    hardware: Hardware, installed: set[str], *, exporter: ExporterName = "native"
) -> tuple[Fitness, ...]:
    """Which candidates could be measured on the device that a run takes by default, and why the others could not."""
    missing = [name for name in _TO_MEASURE if name not in installed]
    needs_torch = f"measuring needs {', '.join(missing)}: pip install 'backend-advisor[profile]'" if missing else None
    device = choose_device(None, hardware)
    seen = as_seen_on(hardware, device)
    return tuple(
        Fitness(
            candidate=each.name,
            why_not=catalogue.unmet(each, seen)
            or needs_torch
            or catalogue.why_not(each, seen, installed, device=device, exporter=exporter),
        )
        for each in catalogue.candidates()
        if not each.on_request
    )


def _variable(name: str, harmless: str | None) -> Variable:
    value = os.environ.get(name)
    if value is None:
        return Variable(name=name, shown=None)
    return Variable(name=name, shown=value if harmless is not None and re.fullmatch(harmless, value) else "set")


def _python() -> str:
    parts = [f"{platform.python_implementation()} {platform.python_version()}"]
    if os.environ.get("CONDA_PREFIX"):
        parts.append("conda")
    parts.append("virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment")
    if requirements.version_of(requirements.DISTRIBUTION) is None:
        parts.append("advisor is not installed")
    return ", ".join(parts)


def _system() -> str:
    container = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    return platform.platform() + (", in a container" if container else "")


def _terminal(terminal: Stream) -> str:
    kind = "a terminal" if sys.stdout.isatty() else "no terminal"
    preferred = locale.getpreferredencoding(False)
    return f"{kind}, {terminal.console.width} columns, stdout {sys.stdout.encoding}, locale {preferred}"
