"""The instruction sets that decide between backends, under one name each on every operating system."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.types import ARM_ISA, X86_ISA

# py-cpuinfo and macOS drop the underscores: avx512vnni, AVX512VNNI.
_X86_BY_FLAG = {name.replace("_", ""): name for name in X86_ISA}
_ARM_BY_FLAG = {name: name for name in ARM_ISA} | {"asimddp": "dotprod", "advsimd": "asimd", "neon": "asimd"}


def x86_isa(flags: Iterable[str]) -> tuple[str, ...]:
    """The names from `X86_ISA` that a list of x86 flags holds, in that order."""
    found = {_X86_BY_FLAG.get(flag.lower().replace("_", "")) for flag in flags}
    return tuple(name for name in X86_ISA if name in found)


def arm_isa(features: Iterable[str]) -> tuple[str, ...]:
    """The names from `ARM_ISA` that a list of ARM features holds, in that order."""
    found = {_ARM_BY_FLAG.get(feature.lower()) for feature in features}
    return tuple(name for name in ARM_ISA if name in found)


def isa_of(flags: Iterable[str], *, arch: str) -> tuple[str, ...]:
    """The instruction sets that matter on `arch`; empty on architectures other than x86_64 and arm64."""
    if arch == "x86_64":
        return x86_isa(flags)
    return arm_isa(flags) if arch == "arm64" else ()
