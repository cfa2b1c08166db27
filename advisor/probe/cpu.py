"""The processor: who made it, what it can compute, and how much of it this process may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.probe.arm import arm_vendor, core_name, product_name
from advisor.probe.cgroup import CpuQuota
from advisor.probe.isa import arm_isa, isa_of, x86_isa
from advisor.probe.sources import Affinity, Sources, why
from advisor.types import Cpu, Fact

_ARCHITECTURES = {"amd64": "x86_64", "x86-64": "x86_64", "x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_X86_VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIdentity:
    """What one source says about the processor. The defaults mean that it says nothing."""

    vendor: str = "unknown"
    model: str | None = None
    isa: tuple[str, ...] = ()
    physical_cores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuReading:
    """The processor and the facts behind it."""

    cpu: Cpu
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identified:
    identity: CpuIdentity
    source: str
    note: str | None = None
    isa_note: str | None = None


def parse_arch(machine: str) -> str:
    """`x86_64` or `arm64` for the names that operating systems give them; any other name as it is."""
    return _ARCHITECTURES.get(machine.lower(), machine or "unknown")


def parse_cpuinfo(text: str, *, board_vendor: str = "") -> CpuIdentity:
    """Linux' /proc/cpuinfo, of x86 and ARM. `board_vendor` is SMBIOS' sys_vendor and completes ARM names."""
    blocks = [block for paragraph in re.split(r"\n\s*\n", text) if (block := _fields(paragraph))]
    merged: dict[str, str] = {}
    for block in reversed(blocks):
        merged.update(block)
    cores = {(b["physical id"], b["core id"]) for b in blocks if "physical id" in b and "core id" in b}
    physical_cores = len(cores) or None
    if "CPU implementer" in merged:
        return _arm_identity(blocks, merged, board_vendor=board_vendor, physical_cores=physical_cores)
    return CpuIdentity(
        vendor=_X86_VENDORS.get(merged.get("vendor_id", ""), "unknown"),
        model=_name(merged.get("model name")),
        isa=x86_isa(merged.get("flags", "").split()),
        physical_cores=physical_cores,
    )


def _fields(text: str) -> dict[str, str]:
    """The lines `key: value` of a text, the first of each key."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return fields


def _arm_identity(
    blocks: list[dict[str, str]], merged: Mapping[str, str], *, board_vendor: str, physical_cores: int | None
) -> CpuIdentity:
    cores: dict[str, None] = {}  # an ordered set: big.LITTLE processors list several
    for block in blocks:
        implementer, part = _hex(block.get("CPU implementer")), _hex(block.get("CPU part"))
        if implementer is not None and part is not None:
            cores[core_name(implementer, part)] = None
    core = " + ".join(cores)
    # Raspberry Pi kernels name the board in a last block.
    product = product_name(core, board_vendor=board_vendor) or _name(merged.get("Model"))
    implementer = _hex(merged["CPU implementer"])
    return CpuIdentity(
        vendor="unknown" if implementer is None else arm_vendor(implementer),
        model=(f"{product} ({core})" if product and core else product or core or _name(merged.get("model name"))),
        isa=arm_isa(merged.get("Features", "").split()),
        physical_cores=physical_cores,
    )


def _hex(text: str | None) -> int | None:
    try:
        return int(text or "", 16)
    except ValueError:
        return None


def _name(text: str | None) -> str | None:
    """A processor's name with single spaces; None for the `unknown` that some sandboxes write."""
    name = " ".join((text or "").split())
    return None if name.lower() in ("", "unknown") else name


def parse_sysctl(text: str) -> CpuIdentity:
    """macOS' `sysctl machdep.cpu hw.optional hw.physicalcpu`.

    https://developer.apple.com/documentation/kernel/1387446-sysctlbyname/determining_instruction_set_characteristics
    """
    values = _fields(text)
    model = _name(values.get("machdep.cpu.brand_string"))
    vendor = _X86_VENDORS.get(values.get("machdep.cpu.vendor", ""), "unknown")
    if model is not None and model.startswith(("Apple", "VirtualApple")):  # Virtual: an x86_64 Python under Rosetta
        vendor = "apple"
    prefix = "hw.optional.arm.FEAT_"
    features = {key.removeprefix(prefix) for key, value in values.items() if key.startswith(prefix) and value == "1"}
    features |= {name for name in ("AdvSIMD", "neon") if values.get(f"hw.optional.{name}") == "1"}
    physical = values.get("hw.physicalcpu", "")
    return CpuIdentity(
        vendor=vendor,
        model=model,
        isa=x86_isa(values.get("machdep.cpu.leaf7_features", "").split()) or arm_isa(features),
        physical_cores=(int(physical) or None) if re.fullmatch(r"[0-9]{1,6}", physical) else None,
    )


def parse_py_cpuinfo(info: Mapping[str, object], *, arch: str) -> CpuIdentity:
    """The dictionary of `cpuinfo.get_cpu_info()`; values of any other type than documented are left out."""
    vendor, brand, flags = info.get("vendor_id_raw"), info.get("brand_raw"), info.get("flags")
    names = [flag for flag in flags if isinstance(flag, str)] if isinstance(flags, list | tuple) else []
    known = _X86_VENDORS.get(vendor, "unknown") if isinstance(vendor, str) else "unknown"
    return CpuIdentity(
        vendor="arm" if known == "unknown" and arch == "arm64" else known,
        model=_name(brand) if isinstance(brand, str) else None,
        isa=isa_of(names, arch=arch),
    )


def read_cpu(sources: Sources, quota: CpuQuota | None) -> CpuReading:
    """The processor and what affinity and quota grant of it. `quota` is None on systems without cgroups.

    Never raises: what cannot be read is None (or `unknown`) in the result and a note in its fact.
    """
    arch = parse_arch(sources.machine)
    found = _identify(sources, arch)
    identity = found.identity
    affinity = _affinity(sources)
    cores = _physical_cores(sources, found)
    granted = [float(affinity.cores)] + ([quota.cores] if quota is not None and quota.cores is not None else [])
    usable = min(granted)
    cpu = Cpu(
        model=identity.model,
        vendor=identity.vendor,
        arch=arch,
        isa=identity.isa,
        physical_cores=cores.value if isinstance(cores.value, int) else None,
        usable_cores=usable,
    )
    known_vendor = None if identity.vendor == "unknown" else identity.vendor
    facts = [
        Fact(name="cpu.model", value=cpu.model, source=found.source, note=found.note or _unless(cpu.model)),
        Fact(name="cpu.vendor", value=known_vendor, source=found.source, note=_unless(known_vendor)),
        Fact(name="cpu.arch", value=arch, source="platform.machine"),
        Fact(name="cpu.isa", value=cpu.isa, source=found.source, note=found.isa_note),
        cores,
        Fact(name="cpu.affinity_cores", value=affinity.cores, source=affinity.source),
    ]
    if quota is not None:
        facts.append(Fact(name="cpu.quota_cores", value=quota.cores, source=quota.source, note=quota.note))
    bound_by = quota.source if quota is not None and quota.cores == usable != affinity.cores else affinity.source
    facts.append(Fact(name="cpu.usable_cores", value=usable, source=bound_by))
    return CpuReading(cpu=cpu, facts=tuple(facts))


def _unless(value: object) -> str | None:
    return None if value is not None else "not listed, or not known to advisor"


def _identify(sources: Sources, arch: str) -> _Identified:
    if sources.system == "Linux":
        try:
            text = sources.text("/proc/cpuinfo")
        except OSError as error:
            return _fall_back(sources, arch, f"/proc/cpuinfo is not readable: {why(error)}")
        board = _board_vendor(sources) if arch == "arm64" else ""
        return _Identified(identity=parse_cpuinfo(text, board_vendor=board), source="/proc/cpuinfo")
    if sources.system == "Darwin":
        try:
            text = sources.sysctl()
        except Exception as error:  # OSError and subprocess' own tree, which is not worth an import here
            return _fall_back(sources, arch, f"sysctl failed: {why(error)}")
        translated = re.search(r"^sysctl\.proc_translated: 1$", text, re.MULTILINE)
        note = "this Python runs under Rosetta; an arm64 Python is faster" if translated else None
        return _Identified(identity=parse_sysctl(text), source="sysctl", note=note)
    return _fall_back(sources, arch, None)


def _board_vendor(sources: Sources) -> str:
    try:
        return sources.text("/sys/class/dmi/id/sys_vendor").strip()
    except OSError:  # boards without SMBIOS, and sandboxes
        return ""


def _fall_back(sources: Sources, arch: str, note: str | None) -> _Identified:
    try:
        info = sources.py_cpuinfo()
    except Exception as error:  # py-cpuinfo raises bare Exception on architectures that it does not know
        failed = f"py-cpuinfo failed: {why(error)}"
        return _Identified(identity=CpuIdentity(), source="py-cpuinfo", note=f"{note}; {failed}" if note else failed)
    # It decodes CPUID's leaf 7 up to avx512_vnni only.
    isa_note = "py-cpuinfo does not report avx_vnni, avx512_bf16, avx512_fp16 and AMX" if arch == "x86_64" else None
    return _Identified(identity=parse_py_cpuinfo(info, arch=arch), source="py-cpuinfo", note=note, isa_note=isa_note)


def _affinity(sources: Sources) -> Affinity:
    try:
        return sources.affinity()
    except Exception as error:  # OSError in sandboxes, psutil's own tree elsewhere
        return Affinity(cores=1, source=f"assumed, because affinity is not readable: {why(error)}")


def _physical_cores(sources: Sources, found: _Identified) -> Fact:
    if found.identity.physical_cores is not None:
        return Fact(name="cpu.physical_cores", value=found.identity.physical_cores, source=found.source)
    try:
        cores = sources.physical_cores()
        note = None if cores is not None else "not listed"
    except Exception as error:  # psutil raises its own tree and OSError
        cores, note = None, f"not readable: {why(error)}"
    return Fact(name="cpu.physical_cores", value=cores, source="psutil.cpu_count", note=note)
