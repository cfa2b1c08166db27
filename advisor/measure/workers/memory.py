"""How much memory a worker needs, so that the machine never swaps and a GPU is not asked for more than it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from advisor.catalogue import Candidate
from advisor.device import CUDA, gpus_on, kind_of
from advisor.probe.cgroup import read_limits
from advisor.probe.gpu import read_gpus
from advisor.probe.memory import read_memory
from advisor.probe.sources import Sources
from advisor.types import Exported, ModelProfile, Precision, Runtime

_BASE_BYTES: dict[Runtime, int] = {"torch": 700 << 20, "onnx": 250 << 20, "openvino": 350 << 20}
"""A worker without its weights: interpreter, libraries, a batch's activations (all-MiniLM-L6-v2, rounded up)."""

_COPIES = 2.5
"""Weights are held twice while a runtime repacks them for its kernels, and files pass through the page cache."""

_GPU_BASE_BYTES = 1 << 30
"""A worker on a GPU without its weights: CUDA's context, the libraries' workspaces, one batch. On an H200 a context
took 0.5 GiB, and batches of 8,192 tokens 0.5 GiB (MiniLM) to 2.2 GiB (BERT base in fp32, docs/hardware.md): those that
do not fit are halved."""

_WEIGHT_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}


class Loadable(Protocol):
    """A candidate and its files."""

    @property
    def exported(self) -> Exported:
        """The files."""

    @property
    def candidate(self) -> Candidate:
        """The candidate."""


def needed_bytes(exported: Exported, runtime: Runtime, model: ModelProfile) -> int:
    """An upper estimate of what a worker takes."""
    weights = (model.weights_bytes or 0) if runtime == "torch" else exported.size_bytes
    return _BASE_BYTES[runtime] + int(_COPIES * weights)


def available_bytes() -> int | None:
    """What this process and its children may still take, under the cgroup's limit; None where it is unknown."""
    sources = Sources()
    return read_memory(sources, read_limits(sources).memory).memory.available_bytes


def needed_gpu_bytes(exported: Exported, candidate: Candidate, model: ModelProfile) -> int:
    """About what a worker takes of a GPU's memory; the batches that fit into the rest are found out as it runs."""
    weights = exported.size_bytes
    if candidate.runtime == "torch":
        parameters = model.num_parameters
        weights = model.weights_bytes or 0 if parameters is None else parameters * _WEIGHT_BYTES[candidate.precision]
    return _GPU_BASE_BYTES + weights


def available_gpu_bytes(device: str, *, sources: Sources | None = None) -> int | None:
    """What is free on a CUDA GPU now, by NVML; None where it is unknown."""
    gpus = read_gpus(sources or Sources()).gpus
    return next((gpu.memory_free_bytes for gpu in gpus_on(gpus, device)), None)


def short_of(needed: int, available: int, *, of: str = "memory") -> str:
    """The end of a sentence that says why something does not fit."""
    return f"needs about {needed / 1e9:.1f} GB of {of}, and {available / 1e9:.1f} GB is available"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFit:
    """Whether workers fit into the memory of the machine and of its GPUs, which the two functions read."""

    memory: Callable[[], int | None] = available_bytes
    gpu_memory: Callable[[str], int | None] = available_gpu_bytes

    def holds(self, several: Sequence[Loadable], model: ModelProfile) -> bool:
        """Whether workers can be started side by side."""
        available = self.memory()
        return available is None or _needed(several, model) <= available

    def short(self, one: Loadable, model: ModelProfile, *, unopened: Sequence[Loadable] = ()) -> str | None:
        """Why there is no room for a worker now, as the end of a sentence; None if there is.

        Those of `unopened` will run too, and have not taken their memory yet.
        """
        needed, available = _needed((one, *unopened), model), self.memory()
        if available is not None and needed > available:
            return short_of(needed, available)
        device = one.exported.settings.device
        if kind_of(device) != CUDA:
            return None
        needed = sum(needed_gpu_bytes(each.exported, each.candidate, model) for each in (one, *unopened))
        available = self.gpu_memory(device)
        if available is not None and needed > available:
            return short_of(needed, available, of=f"memory on {device}")
        return None


def _needed(several: Sequence[Loadable], model: ModelProfile) -> int:
    return sum(needed_bytes(one.exported, one.candidate.runtime, model) for one in several)
