"""NVIDIA GPUs, through a fake with pynvml's own functions and errors."""
# ruff: noqa: N802  # the fake's methods carry pynvml's names

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import pynvml
import pytest

from advisor.probe.gpu import GpuReading, parse_visible, read_gpus
from advisor.probe.sources import Sources
from advisor.types import Gpu


@dataclass(frozen=True, kw_only=True)
class Device:
    name: str
    uuid: str
    memory: tuple[int, int] | None
    capability: tuple[int, int]
    lost: bool = False


T4 = Device(name="Tesla T4", uuid="GPU-11111111-t4", memory=(16106127360, 15638397952), capability=(7, 5))
H100 = Device(
    name="NVIDIA H100 80GB HBM3", uuid="GPU-22222222-h100", memory=(85520809984, 84933607424), capability=(9, 0)
)
RTX4090 = Device(
    name="NVIDIA GeForce RTX 4090", uuid="GPU-33333333-4090", memory=(25757220864, 25282281472), capability=(8, 9)
)
GB10 = Device(name="NVIDIA GB10", uuid="GPU-44444444-gb10", memory=None, capability=(12, 1))


class FakeNvml:
    """The functions of pynvml that the probe calls, over a list of devices. `old` returns bytes, as before 11.5."""

    def __init__(self, *devices: Device, init_error: Exception | None = None, old: bool = False) -> None:
        self._devices = devices
        self._init_error = init_error
        self._old = old
        self.sessions = 0

    def _text(self, text: str) -> str | bytes:
        return text.encode() if self._old else text

    def nvmlInit(self) -> None:
        if self._init_error is not None:
            raise self._init_error
        self.sessions += 1

    def nvmlShutdown(self) -> None:
        self.sessions -= 1

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return self._text("550.54.15")

    def nvmlDeviceGetCount(self) -> int:
        return len(self._devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device:
        device = self._devices[index]
        if device.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return device

    def nvmlDeviceGetName(self, handle: Device) -> str | bytes:
        return self._text(handle.name)

    def nvmlDeviceGetUUID(self, handle: Device) -> str | bytes:
        return self._text(handle.uuid)

    def nvmlDeviceGetMemoryInfo(self, handle: Device) -> SimpleNamespace:
        if handle.memory is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        total, free = handle.memory
        return SimpleNamespace(total=total, free=free, used=total - free)

    def nvmlDeviceGetCudaComputeCapability(self, handle: Device) -> tuple[int, int]:
        return handle.capability


def read(nvml: FakeNvml, environ: Mapping[str, str] | None = None) -> GpuReading:
    return read_gpus(Sources(system="Linux", machine="x86_64", environ=environ or {}, nvml=lambda: nvml))


def note_of(reading: GpuReading) -> str:
    (fact,) = reading.facts
    assert fact.value is None
    assert fact.source == "NVML"
    return fact.note or ""


def test_the_fake_has_no_function_that_pynvml_lacks() -> None:
    names = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert len(names) == 9
    assert [name for name in names if not callable(getattr(pynvml, name, None))] == []


@pytest.mark.parametrize("old", [False, True], ids=["str", "bytes"])
@pytest.mark.parametrize("device", [T4, H100], ids=lambda one: one.name)
def test_a_gpu_is_read_in_full_from_new_and_old_pynvml(device: Device, old: bool) -> None:
    assert device.memory is not None
    nvml = FakeNvml(device, old=old)
    assert read(nvml).gpus == (
        Gpu(
            kind="cuda",
            name=device.name,
            memory_total_bytes=device.memory[0],
            memory_free_bytes=device.memory[1],
            compute_capability=f"{device.capability[0]}.{device.capability[1]}",
            driver="550.54.15",
        ),
    )
    assert nvml.sessions == 0, "NVML was left open"


def test_two_gpus_are_listed_in_order_with_facts_of_their_own() -> None:
    reading = read(FakeNvml(RTX4090, T4))
    assert [gpu.name for gpu in reading.gpus] == [RTX4090.name, T4.name]
    values = {fact.name: fact.value for fact in reading.facts}
    assert (values["gpu.0.name"], values["gpu.1.name"]) == (RTX4090.name, T4.name)
    assert values["gpu.1.compute_capability"] == "7.5"


def test_no_gpu_says_so() -> None:
    assert read(FakeNvml()).gpus == ()
    assert note_of(read(FakeNvml())) == "the NVIDIA driver lists no GPU"


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "NVML library not found: no NVIDIA driver"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the machine"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "NVML cannot start: Insufficient Permissions"),
    ],
)
def test_a_missing_or_broken_driver_is_a_note(code: int, note: str) -> None:
    reading = read(FakeNvml(T4, init_error=pynvml.NVMLError(code)))
    assert reading.gpus == ()
    assert note in note_of(reading)


def test_a_broken_pynvml_is_a_note() -> None:
    def broken() -> object:
        raise AttributeError("undefined symbol: nvmlInit_v2")

    reading = read_gpus(Sources(system="Linux", machine="x86_64", environ={}, nvml=broken))
    assert "undefined symbol" in note_of(reading)


def test_a_lost_gpu_does_not_hide_the_other() -> None:
    reading = read(FakeNvml(Device(name="", uuid="", memory=None, capability=(0, 0), lost=True), H100))
    assert [gpu.name for gpu in reading.gpus] == [H100.name]
    assert "GPU 0 cannot be read: GPU is lost" in [fact.note for fact in reading.facts]


def test_memory_that_is_shared_with_the_processor_is_unknown_and_says_so() -> None:
    reading = read(FakeNvml(GB10))
    assert reading.gpus[0].memory_total_bytes is None
    notes = {fact.name: fact.note for fact in reading.facts}
    assert notes["gpu.0.memory_total_bytes"] == "not supported by this GPU or driver"


def test_a_hidden_gpu_is_not_there() -> None:
    reading = read(FakeNvml(T4, H100), environ={"CUDA_VISIBLE_DEVICES": ""})
    assert reading.gpus == ()
    assert note_of(reading) == "CUDA_VISIBLE_DEVICES hides 2 GPU(s)"


@pytest.mark.parametrize(
    ("value", "visible"),
    [
        (None, (0, 1)),
        ("", ()),
        ("-1", ()),
        ("1", (1,)),
        ("1, 0", (1, 0)),
        ("0,7,1", (0,)),
        ("0,0", (0,)),
        (H100.uuid, (1,)),
        ("GPU-222", (1,)),
        ("GPU-", ()),
        ("MIG-5b2c", (0, 1)),
    ],
)
def test_visible_devices_follow_cudas_own_rules(value: str | None, visible: tuple[int, ...]) -> None:
    assert parse_visible(value, (T4.uuid, H100.uuid)) == visible
