"""CPU quota and memory limit of the process' control groups, version 1 and 2.

A limit binds at its own group and at every group above it, so the walk goes from the process' own group up to the
mount's root and the smallest limit wins. In a container the mount's root often is the process' own group.
Files: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max, memory.max),
https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us) and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (memory.limit_in_bytes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from advisor.probe.sources import Sources, to_int, why

# Version 1 writes "no limit" as the largest multiple of the page size in 63 bits.
_NO_LIMIT_BYTES = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupEntry:
    """One line of /proc/self/cgroup. Version 2 has hierarchy 0 and names no controllers."""

    hierarchy: int
    controllers: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupMount:
    """A cgroup hierarchy in /proc/self/mountinfo; `root` is the group that is seen at `mount_point`."""

    version: int
    root: str
    mount_point: str
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuQuota:
    """How many cores' worth of time the groups grant; None without a quota, then `note` says why."""

    cores: float | None
    source: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """What the groups grant, and what is left of it; None without a limit, then `note` says why."""

    limit_bytes: int | None
    left_bytes: int | None
    source: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The smallest CPU quota and memory limit that bind this process."""

    cpu: CpuQuota
    memory: MemoryLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    version: int
    folder: str


def parse_self_cgroup(text: str) -> tuple[CgroupEntry, ...]:
    """The lines `hierarchy:controllers:path` of /proc/self/cgroup; lines of any other form are left out."""
    entries = []
    for line in text.splitlines():
        fields = line.split(":", 2)
        hierarchy = to_int(fields[0])
        if len(fields) == 3 and hierarchy is not None and fields[2].startswith("/"):
            controllers = tuple(name for name in fields[1].split(",") if name)
            entries.append(CgroupEntry(hierarchy=hierarchy, controllers=controllers, path=fields[2]))
    return tuple(entries)


def parse_mountinfo(text: str) -> tuple[CgroupMount, ...]:
    """The cgroup and cgroup2 mounts in /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if not dash or len(left) < 5 or len(right) < 3 or right[0] not in ("cgroup", "cgroup2"):
            continue
        mounts.append(
            CgroupMount(
                version=2 if right[0] == "cgroup2" else 1,
                root=_unescape(left[3]),
                mount_point=_unescape(left[4]),
                controllers=tuple(right[-1].split(",")) if right[0] == "cgroup" else (),
            )
        )
    return tuple(mounts)


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def group_folders(mount: CgroupMount, path: str) -> tuple[str, ...]:
    """The folders from the group at `path` up to the mount point.

    A path outside the mount's root (another cgroup namespace) leaves the mount point alone.
    """
    own, root = PurePosixPath(path), PurePosixPath(mount.root)
    inside = own.is_relative_to(root) and ".." not in own.parts
    relative = own.relative_to(root) if inside else PurePosixPath()
    folder = PurePosixPath(mount.mount_point) / relative
    above = folder.parents[: len(relative.parts)]
    return (str(folder), *(str(parent) for parent in above))


def parse_cpu_max(text: str) -> float | None:
    """Version 2's `cpu.max`, `quota period` in microseconds, as cores; None for `max` or anything else."""
    fields = text.split()
    return parse_cfs_quota(fields[0], fields[1]) if len(fields) == 2 else None


def parse_cfs_quota(quota_us: str, period_us: str) -> float | None:
    """Version 1's `cpu.cfs_quota_us` over `cpu.cfs_period_us`, as cores; None for -1 or anything else."""
    quota, period = to_int(quota_us), to_int(period_us)
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    try:
        return quota / period or None
    except OverflowError:
        return None


def parse_memory_limit(text: str) -> int | None:
    """`memory.max` or `memory.limit_in_bytes` in bytes; None where there is no limit."""
    limit = to_int(text.strip())
    return limit if limit is not None and 0 <= limit < _NO_LIMIT_BYTES else None


def parse_inactive_file(text: str, *, version: int) -> int:
    """Bytes of page cache in `memory.stat` that the kernel takes back first; 0 where it is not listed."""
    key = "inactive_file" if version == 2 else "total_inactive_file"
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return max(0, to_int(value) or 0)
    return 0


def read_limits(sources: Sources) -> Limits:
    """The smallest limits over all groups above this process. Never raises: what cannot be read is a note."""
    try:
        entries = parse_self_cgroup(sources.text("/proc/self/cgroup"))
        mounts = parse_mountinfo(sources.text("/proc/self/mountinfo"))
    except OSError as error:
        source, note = "/proc/self/cgroup", f"not readable: {why(error)}"
        return Limits(
            cpu=CpuQuota(cores=None, source=source, note=note),
            memory=MemoryLimit(limit_bytes=None, left_bytes=None, source=source, note=note),
        )
    return Limits(
        cpu=_read_cpu(sources, _groups(entries, mounts, "cpu")),
        memory=_read_memory(sources, _groups(entries, mounts, "memory")),
    )


def _groups(entries: tuple[CgroupEntry, ...], mounts: tuple[CgroupMount, ...], controller: str) -> tuple[_Group, ...]:
    groups: dict[_Group, None] = {}  # an ordered set: a hierarchy may be mounted twice
    for entry in entries:
        for mount in mounts:
            if mount.version == 2:
                matches = entry.hierarchy == 0 and not entry.controllers
            else:
                matches = controller in entry.controllers and controller in mount.controllers
            if matches:
                groups.update((_Group(version=mount.version, folder=f), None) for f in group_folders(mount, entry.path))
    return tuple(groups)


def _read_cpu(sources: Sources, groups: tuple[_Group, ...]) -> CpuQuota:
    files = {1: "cpu.cfs_quota_us", 2: "cpu.max"}
    quotas, note = [], "no quota"
    for group in groups:
        try:
            text = sources.text(f"{group.folder}/{files[group.version]}")
            if group.version == 2:
                cores = parse_cpu_max(text)
            else:
                cores = parse_cfs_quota(text, sources.text(f"{group.folder}/cpu.cfs_period_us"))
        except FileNotFoundError:  # the root group has no such file
            continue
        except OSError as error:
            note = f"not readable: {why(error)}"
            continue
        if cores is not None:
            quotas.append(CpuQuota(cores=cores, source=_source(group, files)))
    if quotas:
        return min(quotas, key=lambda quota: quota.cores or 0.0)
    if not groups:
        return CpuQuota(cores=None, source="/proc/self/mountinfo", note="no cgroup with a cpu controller is mounted")
    return CpuQuota(cores=None, source=_source(groups[0], files), note=note)


def _read_memory(sources: Sources, groups: tuple[_Group, ...]) -> MemoryLimit:
    files = {1: "memory.limit_in_bytes", 2: "memory.max"}
    usage = {1: "memory.usage_in_bytes", 2: "memory.current"}
    found, note = [], "no limit"
    for group in groups:
        try:
            limit = parse_memory_limit(sources.text(f"{group.folder}/{files[group.version]}"))
        except FileNotFoundError:
            continue
        except OSError as error:
            note = f"not readable: {why(error)}"
            continue
        if limit is not None:
            left = _left(sources, group, limit, usage[group.version])
            found.append(MemoryLimit(limit_bytes=limit, left_bytes=left, source=_source(group, files)))
    if found:
        smallest = min(found, key=lambda one: one.limit_bytes or 0)
        # A larger group above may be fuller: what is left is the least over all of them.
        lefts = [one.left_bytes for one in found if one.left_bytes is not None]
        return MemoryLimit(
            limit_bytes=smallest.limit_bytes, left_bytes=min(lefts, default=None), source=smallest.source
        )
    if not groups:
        note = "no cgroup with a memory controller is mounted"
        return MemoryLimit(limit_bytes=None, left_bytes=None, source="/proc/self/mountinfo", note=note)
    return MemoryLimit(limit_bytes=None, left_bytes=None, source=_source(groups[0], files), note=note)


def _left(sources: Sources, group: _Group, limit_bytes: int, usage_file: str) -> int | None:
    try:
        used = to_int(sources.text(f"{group.folder}/{usage_file}").strip())
        inactive = parse_inactive_file(sources.text(f"{group.folder}/memory.stat"), version=group.version)
    except OSError:
        return None
    return None if used is None else max(0, limit_bytes - max(0, used - inactive))


def _source(group: _Group, files: dict[int, str]) -> str:
    return f"cgroup v{group.version} {files[group.version]}"
