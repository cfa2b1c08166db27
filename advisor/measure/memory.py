"""How much memory a worker will need, so that the machine never swaps."""

from __future__ import annotations

from advisor.probe.cgroup import read_limits
from advisor.probe.memory import read_memory
from advisor.probe.sources import Sources
from advisor.types import Exported, ModelProfile, Runtime

_BASE_BYTES: dict[Runtime, int] = {"torch": 700 << 20, "onnx": 250 << 20, "openvino": 350 << 20}
"""A worker without its weights: interpreter, libraries, a batch's activations (all-MiniLM-L6-v2, rounded up)."""

_COPIES = 2.5
"""Weights are held twice while a runtime repacks them for its kernels, and files pass through the page cache."""


def needed_bytes(exported: Exported, runtime: Runtime, model: ModelProfile) -> int:
    """An upper estimate of what a worker takes."""
    weights = (model.weights_bytes or 0) if runtime == "torch" else exported.size_bytes
    return _BASE_BYTES[runtime] + int(_COPIES * weights)


def available_bytes() -> int | None:
    """What this process and its children may still take, under the cgroup's limit; None where it is unknown."""
    sources = Sources()
    return read_memory(sources, read_limits(sources).memory).memory.available_bytes


def short_of(needed: int, available: int) -> str:
    """The end of a sentence that says why something does not fit."""
    return f"needs about {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB is available"
