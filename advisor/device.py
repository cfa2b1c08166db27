"""Which device a run is for: named as PyTorch names them (`cpu`, `cuda:1`, `mps`). Pure.

A run has one device. What can run on it does; candidates for the CPU alone stay there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.errors import InputError
from advisor.types import Gpu, Hardware

CPU = "cpu"
CUDA = "cuda"


def kind_of(device: str) -> str:
    """`cuda` of `cuda:1`."""
    return device.partition(":")[0]


def index_of(device: str) -> int:
    """1 of `cuda:1`; 0 of `cuda`, which is the first one to PyTorch and to ONNX Runtime."""
    return int(device.partition(":")[2] or 0)


def devices(hardware: Hardware) -> tuple[str, ...]:
    """The devices of a machine, the CPU last. CUDA GPUs are numbered as CUDA_VISIBLE_DEVICES leaves them."""
    kinds = [gpu.kind for gpu in hardware.gpus]
    cuda = tuple(f"{CUDA}:{index}" for index in range(kinds.count(CUDA)))
    return (*cuda, *(kind for kind in dict.fromkeys(kinds) if kind != CUDA), CPU)


def choose_device(asked: str | None, hardware: Hardware) -> str:
    """The device to measure on: the one that is asked for, else PyTorch's own default order (CUDA, MPS, CPU).

    Where PyTorch was asked (`Hardware.torch_devices`) and cannot use the GPU that the driver lists, the CPU is taken.
    The first CUDA GPU is called `cuda`, so that an artifact loads on any machine that has one. Raises InputError for a
    device that is not there, or that PyTorch cannot use.
    """
    there = devices(hardware)
    usable = there if hardware.torch_devices is None else tuple(one for one in there if one in hardware.torch_devices)
    if asked is None:
        return _shorter(next(iter(usable), CPU))
    full = f"{CUDA}:0" if asked == CUDA else asked
    if full in usable:
        return _shorter(full)
    have = f"This machine has {', '.join(there)}."
    if full in there:
        assert hardware.torch_devices is not None  # it is usable else
        raise InputError(
            f"The device {asked!r} is there, but the installed PyTorch can only use "
            f"{', '.join(hardware.torch_devices)}.",
            hint="Install a build for it (https://pytorch.org/get-started/locally/), or use --device cpu.",
            about="device",
        )
    raise InputError(f"There is no device {asked!r} here.", hint=have, about="device")


def unused_gpu(hardware: Hardware) -> str | None:
    """A sentence where a GPU is there that PyTorch cannot use; None elsewhere."""
    wanted = [device for device in devices(hardware) if device != CPU]
    if not wanted or hardware.torch_devices is None or set(wanted) & set(hardware.torch_devices):
        return None
    return (
        f"This machine has {hardware.gpus[0].name}, and the installed PyTorch cannot use it, so everything was "
        "measured on the CPU: advisor doctor says more."
    )


def as_seen_on(hardware: Hardware, device: str) -> Hardware:
    """The machine as it concerns a run on `device`: with that GPU alone, or none. The facts stay whole."""
    return replace(hardware, gpus=gpus_on(hardware.gpus, device))


def gpus_on(gpus: Sequence[Gpu], device: str) -> tuple[Gpu, ...]:
    """The one GPU that `device` names; none for the CPU, or where it is not there."""
    alike = [gpu for gpu in gpus if gpu.kind == kind_of(device)]
    return tuple(alike[index_of(device) :][:1])


def _shorter(device: str) -> str:
    return CUDA if device == f"{CUDA}:0" else device
