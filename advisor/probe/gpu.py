"""Accelerators: NVIDIA GPUs through NVML, and Apple's MPS. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from advisor.probe.cpu import parse_arch
from advisor.probe.sources import Sources, why
from advisor.types import Fact, Gpu

_SOURCE = "NVML"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """The accelerators that a runtime can use here, and the facts behind them."""

    gpus: tuple[Gpu, ...]
    facts: tuple[Fact, ...]


def parse_nvml_text(value: str | bytes) -> str:
    """A text from NVML: pynvml before version 11.5 returns bytes."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def parse_visible(value: str | None, uuids: tuple[str, ...]) -> tuple[int, ...]:
    """The indices of the GPUs, by their `uuids`, that `CUDA_VISIBLE_DEVICES` leaves visible, in its order.

    As CUDA does, entries after the first invalid one are ignored, and an empty value hides every GPU
    (https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables). Entries that name
    a slice of a GPU (`MIG-...`) cannot be told apart here and leave every GPU visible.
    """
    if value is None or value.strip().startswith("MIG-"):
        return tuple(range(len(uuids)))
    visible: list[int] = []
    for entry in (part.strip() for part in value.split(",")):
        matches = [index for index, uuid in enumerate(uuids) if entry == str(index)]
        if entry.startswith("GPU-"):
            matches = [index for index, uuid in enumerate(uuids) if uuid.startswith(entry)]
        if len(matches) != 1 or matches[0] in visible:
            break
        visible += matches
    return tuple(visible)


def read_gpus(sources: Sources) -> GpuReading:
    """The accelerators. Never raises: a missing or broken driver gives no GPU and a fact that says why."""
    if sources.system == "Darwin":
        return _read_mps(sources)
    try:
        nvml = sources.nvml()
    except Exception as error:  # a broken installation may raise anything while it is imported
        return _none(f"pynvml cannot be imported: {why(error)}")
    try:
        nvml.nvmlInit()
    except Exception as error:  # NVMLError, or OSError and AttributeError from ctypes with a broken driver
        return _none(_init_problem(error))
    try:
        devices, notes = _read_devices(nvml)
    finally:
        _optional(nvml.nvmlShutdown)
    visible = parse_visible(sources.environ.get("CUDA_VISIBLE_DEVICES"), tuple(uuid for _, uuid in devices))
    gpus = tuple(devices[index][0] for index in visible)
    if not gpus and devices:
        notes.append(f"CUDA_VISIBLE_DEVICES hides {len(devices)} GPU(s)")
    if not gpus:
        return _none("; ".join(notes) or "the NVIDIA driver lists no GPU")
    facts = [fact for index, gpu in enumerate(gpus) for fact in _facts(f"gpu.{index}", gpu)]
    if notes:
        facts.append(Fact(name="gpu", value=None, source=_SOURCE, note="; ".join(notes)))
    return GpuReading(gpus=gpus, facts=tuple(facts))


def _none(note: str) -> GpuReading:
    return GpuReading(gpus=(), facts=(Fact(name="gpu", value=None, source=_SOURCE, note=note),))


def _init_problem(error: Exception) -> str:
    name = type(error).__name__
    if name == "NVMLError_LibraryNotFound":
        return "NVML library not found: no NVIDIA driver"
    if name == "NVMLError_DriverNotLoaded":
        return "NVML: the NVIDIA driver is installed but not loaded"
    if name == "NVMLError_LibRmVersionMismatch":
        return "NVML: the NVIDIA driver was updated while its old version is loaded; restart the machine"
    return f"NVML cannot start: {why(error)}"


def _read_devices(nvml: Any) -> tuple[list[tuple[Gpu, str]], list[str]]:
    """The GPUs with their UUIDs, and what could not be read."""
    devices: list[tuple[Gpu, str]] = []
    notes: list[str] = []
    driver = _optional(lambda: parse_nvml_text(nvml.nvmlSystemGetDriverVersion()))
    try:
        count = nvml.nvmlDeviceGetCount()
    except Exception as error:  # as in nvmlInit
        return devices, [f"GPUs cannot be counted: {why(error)}"]
    for index in range(count):
        try:
            devices.append(_read_device(nvml, nvml.nvmlDeviceGetHandleByIndex(index), driver))
        except Exception as error:  # one lost GPU must not hide the others
            notes.append(f"GPU {index} cannot be read: {why(error)}")
    return devices, notes


def _read_device(nvml: Any, handle: Any, driver: str | None) -> tuple[Gpu, str]:
    memory = _optional(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))  # not supported where memory is shared
    capability = _optional(lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    gpu = Gpu(
        kind="cuda",
        name=parse_nvml_text(nvml.nvmlDeviceGetName(handle)),
        memory_total_bytes=None if memory is None else int(memory.total),
        memory_free_bytes=None if memory is None else int(memory.free),
        compute_capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        driver=driver,
    )
    return gpu, parse_nvml_text(_optional(lambda: nvml.nvmlDeviceGetUUID(handle)) or "")


def _optional(call: Callable[[], _T]) -> _T | None:
    try:
        return call()
    except Exception:  # a value that this driver or GPU does not support
        return None


def _read_mps(sources: Sources) -> GpuReading:
    source = "platform.machine"
    if parse_arch(sources.machine) != "arm64":
        note = "MPS needs an Apple processor and an arm64 Python"
        return GpuReading(gpus=(), facts=(Fact(name="gpu", value=None, source=source, note=note),))
    gpu = Gpu(kind="mps", name="Apple GPU (MPS)")
    note = "shares the main memory"
    kind = Fact(name="gpu.0.kind", value=gpu.kind, source=source)
    return GpuReading(gpus=(gpu,), facts=(kind, Fact(name="gpu.0.name", value=gpu.name, source=source, note=note)))


def _facts(prefix: str, gpu: Gpu) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            name=f"{prefix}.{name}",
            value=value,
            source=_SOURCE,
            note=None if value is not None else "not supported by this GPU or driver",
        )
        for name, value in asdict(gpu).items()
    )
