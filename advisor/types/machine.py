"""The machine: what was read of it, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known about the machine, and where it was read. `value` is None where it is unknown."""

    name: str
    value: bool | int | float | str | tuple[str, ...] | None
    source: str
    note: str | None = None


X86_ISA = (
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
"""The instruction sets that matter to these runtimes, in display order, spelled as in Linux'
arch/x86/include/asm/cpufeatures.h."""

ARM_ISA = ("asimd", "dotprod", "i8mm", "bf16", "sve")
"""In display order; Linux calls dotprod `asimddp` (https://docs.kernel.org/arch/arm64/elf_hwcaps.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """A processor. `isa` holds only the instruction sets that matter to these runtimes, in a fixed order."""

    model: str | None
    vendor: str
    """`intel`, `amd`, `arm`, `apple` or `unknown`."""
    arch: str
    """`x86_64`, `arm64`, or what the operating system says."""
    isa: tuple[str, ...]
    physical_cores: int | None
    usable_cores: float
    """What affinity and the cgroup quota grant; may be fractional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Main memory under the cgroup's limit."""

    total_bytes: int | None
    available_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """An accelerator. `kind` is `cuda` or `mps`."""

    kind: str
    name: str
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    compute_capability: str | None = None
    driver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution; `version` is None where it is not installed."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The machine. `facts` lists every reading with its source, in display order."""

    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...] = ()
    onnxruntime_providers: tuple[str, ...] | None = None
    openvino_devices: tuple[str, ...] | None = None
    torch_devices: tuple[str, ...] | None = None
    """What PyTorch can use, such as `cuda:0` and `cpu`; asked only where there is a GPU, None where it was not."""
    cxx: str | None = None
    """The C++ compiler that PyTorch's inductor would call; None where it is not found."""
    facts: tuple[Fact, ...] = ()

    @property
    def threads(self) -> int:
        """The thread budget that every runtime is given: whole usable cores, at least one."""
        return max(1, int(self.cpu.usable_cores))

    @property
    def cuda(self) -> bool:
        """Whether a CUDA GPU is present."""
        return any(gpu.kind == "cuda" for gpu in self.gpus)
