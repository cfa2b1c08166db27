"""The instruction sets that decide between backends, under one name each on every operating system."""

from __future__ import annotations

from collections.abc import Iterable

X86 = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_fp16",
    "amx_int8",
)
"""In display order, spelled as in Linux' arch/x86/include/asm/cpufeatures.h."""

ARM = ("asimd", "dotprod", "i8mm", "bf16", "sve")
"""In display order; Linux calls dotprod `asimddp` (https://docs.kernel.org/arch/arm64/elf_hwcaps.html)."""

# py-cpuinfo and macOS drop the underscores: avx512vnni, AVX512VNNI.
_X86_BY_FLAG = {name.replace("_", ""): name for name in X86}
_ARM_BY_FLAG = {name: name for name in ARM} | {"asimddp": "dotprod", "advsimd": "asimd", "neon": "asimd"}


def x86_isa(flags: Iterable[str]) -> tuple[str, ...]:
    """The names from `X86` that a list of x86 flags holds, in that order."""
    found = {_X86_BY_FLAG.get(flag.lower().replace("_", "")) for flag in flags}
    return tuple(name for name in X86 if name in found)


def arm_isa(features: Iterable[str]) -> tuple[str, ...]:
    """The names from `ARM` that a list of ARM features holds, in that order."""
    found = {_ARM_BY_FLAG.get(feature.lower()) for feature in features}
    return tuple(name for name in ARM if name in found)


def isa_of(flags: Iterable[str], *, arch: str) -> tuple[str, ...]:
    """The instruction sets that matter on `arch`; empty on architectures other than x86_64 and arm64."""
    if arch == "x86_64":
        return x86_isa(flags)
    return arm_isa(flags) if arch == "arm64" else ()
