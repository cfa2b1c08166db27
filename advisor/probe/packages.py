"""Versions of the packages that decide what can run, without importing any of them."""

from __future__ import annotations

from advisor.types import Package

NAMES = (
    "numpy",
    "tokenizers",
    "torch",
    "sentence-transformers",
    "transformers",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "openvino",
    "nncf",
    "flash-attn",
    "kernels",
    "optimum",
    "optimum-onnx",
    "optimum-intel",
    "datasets",
    "textual",
)

# Distributions that provide the same module as the one they are listed under.
_INSTEAD = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")}


def read_packages() -> tuple[Package, ...]:
    """The packages of `NAMES` in that order, with None as the version of those that are not installed."""
    return tuple(Package(name=name, version=_version(name, *_INSTEAD.get(name, ()))) for name in NAMES)


def _version(*names: str) -> str | None:
    from importlib import metadata

    for name in names:
        try:
            version: str | None = metadata.version(name)
        except (metadata.PackageNotFoundError, KeyError):  # KeyError: metadata without a version
            continue
        if version is not None:
            return version
    return None
