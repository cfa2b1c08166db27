"""Where the probes read: this machine, or in tests a recorded one."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.types import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """How many logical cores the process may run on, and what said so."""

    cores: int
    source: str


def _affinity() -> Affinity:
    if hasattr(os, "sched_getaffinity"):
        return Affinity(cores=len(os.sched_getaffinity(0)), source="sched_getaffinity")
    import psutil

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # Windows
        return Affinity(cores=len(process.cpu_affinity()), source="psutil.Process.cpu_affinity")
    return Affinity(cores=os.cpu_count() or 1, source="os.cpu_count")


def _physical_cores() -> int | None:
    import psutil

    cores: int | None = psutil.cpu_count(logical=False)
    return cores


def _memory() -> Memory:
    import psutil

    memory = psutil.virtual_memory()
    return Memory(total_bytes=memory.total, available_bytes=memory.available)


def _sysctl() -> str:
    import subprocess

    # An unknown name makes sysctl exit with 1 after it printed the others, so the exit code says nothing.
    command = ["/usr/sbin/sysctl", "machdep.cpu", "hw.optional", "hw.physicalcpu", "sysctl.proc_translated"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=5, check=False).stdout


def _py_cpuinfo() -> Mapping[str, object]:
    import cpuinfo

    info: dict[str, object] = cpuinfo.get_cpu_info()
    return info


def _which(name: str) -> str | None:
    import shutil

    return shutil.which(name)


def _nvml() -> Any:
    import pynvml

    return pynvml


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that the probes read from. The defaults are this machine.

    `root` stands before every path under /proc and /sys; the callables are the system calls and libraries that have
    no file. They may raise whatever their library raises: the readers turn that into a note.
    """

    root: Path = Path("/")
    system: str = field(default_factory=platform.system)
    machine: str = field(default_factory=platform.machine)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    affinity: Callable[[], Affinity] = _affinity
    physical_cores: Callable[[], int | None] = _physical_cores
    memory: Callable[[], Memory] = _memory
    sysctl: Callable[[], str] = _sysctl
    py_cpuinfo: Callable[[], Mapping[str, object]] = _py_cpuinfo
    nvml: Callable[[], Any] = _nvml
    """Returns the `pynvml` module, or something with the same functions."""
    which: Callable[[str], str | None] = _which
    """The path of a program, None where it is not on the PATH."""

    def text(self, path: str) -> str:
        """The text of the file at an absolute POSIX path under `root`; raises OSError."""
        try:
            data = (self.root / path.lstrip("/")).read_bytes()
        except ValueError as error:  # a NUL in the path
            raise OSError(str(error)) from None
        return data.decode("utf-8", errors="replace")


def why(error: BaseException) -> str:
    """The reason in an exception, as the end of a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def to_int(text: str) -> int | None:
    """The integer that a text holds, None where it holds none. A sign is kept."""
    try:
        return int(text)
    except ValueError:
        return None
