"""Whether an artifact fits the machine and the runtime that it is loaded on."""

from __future__ import annotations

import warnings
from typing import Any

from advisor import catalogue
from advisor.encode.manifest import Manifest
from advisor.errors import ArtifactWarning
from advisor.types import Hardware, Runtime

_DISTRIBUTIONS: dict[Runtime, tuple[str, ...]] = {
    "onnx": ("onnxruntime", "onnxruntime-gpu"),
    "openvino": ("openvino",),
    "torch": ("torch", "sentence-transformers"),
}


def warn_if_unfit(manifest: Manifest, hardware: Hardware) -> None:
    """Warn where the artifact loads, but was measured on something that this machine or environment has not.

    The embeddings are then nearly the same, but the figures in the artifact are not this machine's.
    """
    for sentence in (*_machine(manifest, hardware), *_versions(manifest)):
        warnings.warn(sentence, ArtifactWarning, stacklevel=3)


def _machine(manifest: Manifest, hardware: Hardware) -> list[str]:
    name = manifest.document.get("winner")
    candidates = [catalogue.get(name)] if name in catalogue.names() else []
    # `onnx-qint8` becomes one file or another: what that file is made for is said by the row that names it.
    candidates += [one for one in catalogue.CATALOGUE if one.file is not None and one.file == _graph(manifest)]
    # Without the GPU that it names, a runtime does not start at all, and says so.
    lacks = [catalogue.unmet(one, hardware) for one in candidates if "cuda" not in one.needs]
    missing = next((reason for reason in lacks if reason is not None), None)
    if missing is None:
        return []
    return [
        f"This artifact's {name} {missing}, which this machine is not or has not: it will be slower than was measured, "
        "and its embeddings may differ. Run: advisor verify ARTIFACT, and advisor recommend on this machine."
    ]


def _graph(manifest: Manifest) -> str | None:
    """The graph's name as the catalogue has it: without the module's folder before it."""
    return None if manifest.file is None else "/".join(manifest.file.split("/")[-2:])


def _versions(manifest: Manifest) -> list[str]:
    from importlib.metadata import PackageNotFoundError, version

    recorded: dict[str, Any] = manifest.document.get("packages") or {}
    found = []
    for name in _DISTRIBUTIONS[manifest.runtime]:
        wrote = recorded.get(name)
        if not isinstance(wrote, str):
            continue
        try:
            runs = version(name)
        except PackageNotFoundError:  # another distribution of the same package
            continue
        if runs != wrote:
            found.append(
                f"This artifact was measured with {name} {wrote} and runs in {runs}: speed and embeddings may differ. "
                "Run: advisor verify ARTIFACT"
            )
    return found
