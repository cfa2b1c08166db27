"""Whether an artifact fits the machine and the runtime that it is loaded on."""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

from advisor import catalogue
from advisor.encode.manifest import Manifest
from advisor.errors import ArtifactWarning
from advisor.types import Hardware, Runtime

_MODULES: dict[Runtime, dict[str, tuple[str, ...]]] = {
    "onnx": {"onnxruntime": ("onnxruntime", "onnxruntime-gpu")},
    "openvino": {"openvino": ("openvino",)},
    "torch": {"torch": ("torch",), "sentence_transformers": ("sentence-transformers",)},
}
"""The runtimes' modules, and the distributions that they come in."""


def warn_if_unfit(manifest: Manifest, hardware: Hardware) -> None:
    """Warn where the artifact loads, but was measured on something that this machine or environment has not.

    The embeddings are then nearly the same, but the figures in the artifact are not this machine's.
    """
    for sentence in (*_machine(manifest, hardware), *_versions(manifest)):
        warnings.warn(sentence, ArtifactWarning, stacklevel=3)


def _machine(manifest: Manifest, hardware: Hardware) -> list[str]:
    name = manifest.document.get("winner")
    named = catalogue.find(name) if isinstance(name, str) else None
    candidates = [] if named is None else [named]
    # `onnx-qint8` becomes one file or another: what that file is made for is said by the row that names it.
    candidates += [one for one in catalogue.CATALOGUE if one.file is not None and one.file == _graph(manifest)]
    # Without the GPU or the compiler that it needs, a runtime does not start at all, and says so.
    lacks = [catalogue.unmet(one, hardware) for one in candidates if not {"cuda", "cxx"} & set(one.needs)]
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
    recorded: dict[str, Any] = manifest.document.get("packages") or {}
    found = []
    for module, distributions in _MODULES[manifest.runtime].items():
        wrote = next((recorded[name] for name in distributions if isinstance(recorded.get(name), str)), None)
        runs = getattr(sys.modules.get(module), "__version__", None)  # imported before; package metadata takes longer
        if wrote is None or not isinstance(runs, str) or _release(runs) == _release(wrote):
            continue
        found.append(
            f"This artifact was measured with {distributions[0]} {_release(wrote)} and runs in {_release(runs)}: speed "
            "and embeddings may differ. Run: advisor verify ARTIFACT"
        )
    return found


def _release(version: str) -> str:
    """`2026.4.1` of `2026.4.1-22005-abc-releases/2026/4`, `2.13.0` of `2.13.0+cpu`."""
    return re.split("[-+]", version, maxsplit=1)[0]
